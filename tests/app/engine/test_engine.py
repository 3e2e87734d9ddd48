import threading

import pytest
import torch

from app.engine.engine import Engine, EngineClosedError, UnwantedError
from trainer.llm.batch_types import Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM


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


def test_completions_are_followed_in_the_order_in_which_they_end(llm: FrozenLLM) -> None:
    engine = Engine(llm)
    rows = [Row(None, llm.encode("Who?"), limit) for limit in (9, 3, 6)]
    followed = list(engine.follow(rows))
    ended = [number for number, _ in followed]
    assert sorted(ended) == [0, 1, 2]
    lengths = [len(completion.log_likelihoods) for _, completion in followed]
    assert lengths == sorted(lengths)
    for number, completion in followed:
        assert completion.tokens == decode(llm, rows)[number].tokens
    engine.close()


def test_who_follows_hears_what_went_wrong(llm: FrozenLLM) -> None:
    engine = Engine(llm)
    with pytest.raises(RuntimeError):
        list(engine.follow([Row(torch.zeros(2, 5), llm.encode("Who?"), 3)]))
    assert len(list(engine.follow([Row(None, llm.encode("Who?"), 3)]))) == 1
    engine.close()


def test_rows_that_nobody_waits_for_leave_the_batch(llm: FrozenLLM) -> None:
    engine = Engine(llm)
    rows = [Row(None, llm.encode(text), 9) for text in ("Who?", "Where?", "Why?")]
    followed = dict(engine.follow(rows, wanted=lambda number: number != 1))
    assert sorted(followed) == [0, 2]
    for number, completion in followed.items():
        assert completion.tokens == decode(llm, rows)[number].tokens
    engine.close()


def test_an_ask_that_nobody_waits_for_is_not_begun(llm: FrozenLLM) -> None:
    engine = Engine(llm)
    go = threading.Event()
    engine.step(go.wait)
    left = engine.ask([Row(None, llm.encode("Who?"), 4)] * 2, wanted=lambda _: False)
    stays = engine.ask([Row(None, llm.encode("Where?"), 4)])
    go.set()
    with pytest.raises(UnwantedError):
        left.result()
    assert stays.result()[0].tokens == decode(llm, [Row(None, llm.encode("Where?"), 4)])[0].tokens
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
