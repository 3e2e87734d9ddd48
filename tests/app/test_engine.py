import threading

import pytest

from app.engine import Engine, EngineClosedError
from trainer.decoding import Row, decode
from trainer.frozen import FrozenLLM


def test_asks_go_before_training_that_waited_longer(llm: FrozenLLM) -> None:
    engine = Engine(llm)
    order: list[str] = []
    busy, go = threading.Event(), threading.Event()

    def first() -> None:
        busy.set()
        go.wait()

    running = engine.step(first)
    busy.wait()
    trained = engine.step(lambda: order.append("step"))
    asked = engine.ask([Row(None, llm.encode("Who?"), 4)])
    asked.add_done_callback(lambda _: order.append("ask"))
    go.set()
    for future in (running, trained, asked):
        future.result()
    engine.close()
    assert order == ["ask", "step"]


def test_asks_that_wait_together_are_answered_as_alone(llm: FrozenLLM) -> None:
    engine = Engine(llm)
    go = threading.Event()
    engine.step(go.wait)
    texts = ["Who?", "Where is the lamp of Ost?", "Why did it go dark?"]
    rows = [[Row(None, llm.encode(text), 6)] * (n + 1) for n, text in enumerate(texts)]
    asked = [engine.ask(each) for each in rows]
    go.set()
    for each, future in zip(rows, asked, strict=True):
        assert [c.tokens for c in future.result()] == [c.tokens for c in decode(llm, each)]
    engine.close()


def test_a_step_that_fails_leaves_the_engine_running(llm: FrozenLLM) -> None:
    engine = Engine(llm)

    def broken() -> None:
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        engine.step(broken).result()
    assert len(engine.ask([Row(None, llm.encode("Who?"), 3)]).result()) == 1
    engine.close()


def test_a_closed_engine_refuses(llm: FrozenLLM) -> None:
    engine = Engine(llm)
    engine.close()
    assert not engine.alive
    with pytest.raises(EngineClosedError):
        engine.ask([])
    with pytest.raises(EngineClosedError):
        engine.step(lambda: None)
