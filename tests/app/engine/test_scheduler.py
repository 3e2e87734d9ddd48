import ctypes
import resource
import threading
import time
import weakref
from functools import partial
from pathlib import Path

import pytest
import torch

from app.engine.errors import EngineClosedError, UnwantedError
from app.engine.scheduler import Scheduler
from trainer.llm.batch_types import Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM


def test_asks_go_before_training_that_waited_longer(llm: FrozenLLM) -> None:
    scheduler = Scheduler(llm)
    order: list[str] = []
    busy, go = threading.Event(), threading.Event()

    def first() -> None:
        busy.set()
        go.wait()

    running = scheduler.queue_training(first)
    busy.wait()
    trained = scheduler.queue_training(lambda: order.append("step"))
    asked = scheduler.ask([Row(None, llm.encode("Who?"), 4)])
    asked.add_done_callback(lambda _: order.append("ask"))
    go.set()
    for future in (running, trained, asked):
        future.result()
    scheduler.close()
    assert order == ["ask", "step"]


def test_no_training_begins_between_the_pieces_of_a_question(llm: FrozenLLM) -> None:
    scheduler = Scheduler(llm, patience=600)
    order: list[str] = []
    with scheduler.question():
        trained = scheduler.queue_training(lambda: order.append("step"))
        for _ in range(50):
            scheduler.run_now(lambda: order.append("piece"))
        assert scheduler.ask([Row(None, llm.encode("Who?"), 2)]).result()
    trained.result()
    scheduler.close()
    assert order == [*["piece"] * 50, "step"]


def test_a_question_that_stands_still_lets_training_go_on(llm: FrozenLLM) -> None:
    scheduler = Scheduler(llm, patience=0.05)
    with scheduler.question(), scheduler.question():
        assert scheduler.run_when_idle(lambda: "learned") == "learned"
    scheduler.close()


def test_whether_somebody_asked_is_known(llm: FrozenLLM) -> None:
    scheduler = Scheduler(llm)
    assert scheduler.run_when_idle(scheduler.asked_lately) is False
    with scheduler.question():
        assert scheduler.asked_lately()
    assert scheduler.asked_lately()
    scheduler.close()


def test_asks_that_wait_together_are_answered_as_alone(llm: FrozenLLM) -> None:
    scheduler = Scheduler(llm)
    go = threading.Event()
    scheduler.queue_training(go.wait)
    texts = ["Who?", "Where is the lamp of Ost?", "Why did it go dark?"]
    rows = [[Row(None, llm.encode(text), 6)] * (n + 1) for n, text in enumerate(texts)]
    asked = [scheduler.ask(each) for each in rows]
    go.set()
    for each, future in zip(rows, asked, strict=True):
        assert [c.tokens for c in future.result()] == [c.tokens for c in decode(llm, each)]
    scheduler.close()


def test_completions_are_followed_in_the_order_in_which_they_end(llm: FrozenLLM) -> None:
    scheduler = Scheduler(llm)
    rows = [Row(None, llm.encode("Who?"), limit) for limit in (9, 3, 6)]
    followed = list(scheduler.follow(rows))
    ended = [number for number, _ in followed]
    assert sorted(ended) == [0, 1, 2]
    lengths = [len(completion.log_likelihoods) for _, completion in followed]
    assert lengths == sorted(lengths)
    for number, completion in followed:
        assert completion.tokens == decode(llm, rows)[number].tokens
    scheduler.close()


def test_who_follows_hears_what_went_wrong(llm: FrozenLLM) -> None:
    scheduler = Scheduler(llm)
    with pytest.raises(RuntimeError):
        list(scheduler.follow([Row(torch.zeros(2, 5), llm.encode("Who?"), 3)]))
    assert len(list(scheduler.follow([Row(None, llm.encode("Who?"), 3)]))) == 1
    scheduler.close()


def test_rows_that_nobody_waits_for_leave_the_batch(llm: FrozenLLM) -> None:
    scheduler = Scheduler(llm)
    rows = [Row(None, llm.encode(text), 9) for text in ("Who?", "Where?", "Why?")]
    followed = dict(scheduler.follow(rows, wanted=lambda number: number != 1))
    assert sorted(followed) == [0, 2]
    for number, completion in followed.items():
        assert completion.tokens == decode(llm, rows)[number].tokens
    scheduler.close()


def test_an_ask_that_nobody_waits_for_is_not_begun(llm: FrozenLLM) -> None:
    scheduler = Scheduler(llm)
    go = threading.Event()
    scheduler.queue_training(go.wait)
    left = scheduler.ask([Row(None, llm.encode("Who?"), 4)] * 2, wanted=lambda _: False)
    stays = scheduler.ask([Row(None, llm.encode("Where?"), 4)])
    go.set()
    with pytest.raises(UnwantedError):
        left.result()
    assert stays.result()[0].tokens == decode(llm, [Row(None, llm.encode("Where?"), 4)])[0].tokens
    scheduler.close()


def test_a_step_that_fails_leaves_the_engine_running(llm: FrozenLLM) -> None:
    scheduler = Scheduler(llm)

    def broken() -> None:
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        scheduler.run_when_idle(broken)
    assert len(scheduler.ask([Row(None, llm.encode("Who?"), 3)]).result()) == 1
    scheduler.close()


def test_20_training_that_waits_is_refused_at_once_while_asks_go_on(llm: FrozenLLM) -> None:
    scheduler = Scheduler(llm, patience=600)
    with scheduler.question():
        waiting = scheduler.queue_training(lambda: None)
        scheduler.end_training()
        with pytest.raises(EngineClosedError):
            waiting.result(60)
        with pytest.raises(EngineClosedError):
            scheduler.run_when_idle(lambda: None)
        assert scheduler.ask([Row(None, llm.encode("Who?"), 2)]).result()
    scheduler.close()


def closed(scheduler: Scheduler) -> bool:
    """Whether it refuses asks."""
    try:
        scheduler.ask([])
    except EngineClosedError:
        return True
    return False


def test_20_an_answer_that_is_not_complete_when_the_engine_closes_is_refused(llm: FrozenLLM) -> None:
    scheduler = Scheduler(llm)
    looked_at, begun, go = threading.Event(), threading.Event(), threading.Event()

    def wanted(_: int) -> bool:
        if not looked_at.is_set():  # before it is decoded
            looked_at.set()
            return True
        begun.set()
        return go.wait(60)

    row = Row(None, llm.encode("Who?"), 400, must_speak=True)
    asked = scheduler.ask([row], wanted=wanted)
    assert begun.wait(60)
    closing = threading.Thread(target=scheduler.close)
    closing.start()
    while not closed(scheduler):
        pass
    go.set()
    with pytest.raises(EngineClosedError):
        asked.result(60)
    closing.join()
    assert not scheduler.alive
    assert scheduler.close()


def test_27_nothing_that_has_run_is_held(llm: FrozenLLM) -> None:
    """The members of a cancelled training would stay on the GPU until the next piece of work."""

    class Held:
        pass

    scheduler = Scheduler(llm)
    held = Held()
    gone = weakref.ref(held)
    scheduler.run_when_idle(partial(id, held))
    del held
    deadline = time.monotonic() + 10
    while gone() is not None:
        assert time.monotonic() < deadline, "the thread holds what it ran last"
    scheduler.close()


def test_a_closed_engine_refuses(llm: FrozenLLM) -> None:
    scheduler = Scheduler(llm)
    scheduler.close()
    assert not scheduler.alive
    with pytest.raises(EngineClosedError):
        scheduler.ask([])
    with pytest.raises(EngineClosedError):
        scheduler.run_when_idle(lambda: None)


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library gives nothing back")
def test_what_is_free_between_what_is_in_use_goes_back_to_the_operating_system(llm: FrozenLLM) -> None:
    freed, kept = zip(*((torch.ones(16_384), torch.ones(64)) for _ in range(1000)), strict=True)
    scheduler = Scheduler(llm, trim_seconds=0)
    before = resident()
    del freed
    scheduler.run_when_idle(lambda: None)
    scheduler.close()
    assert before - resident() > 40_000_000
    assert len(kept) == 1000
