"""Asks that wait at the same moment, decoded as one batch."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from app.engine.errors import EngineClosedError, UnwantedError
from trainer.llm.batch_types import Completion, Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import OutOfMemoryError, is_out_of_memory, release_memory

T = TypeVar("T")


@dataclass
class Ask:
    """Rows to decode, and who is told of them: as for `Scheduler.ask`."""

    rows: Sequence[Row]
    future: Future[list[Completion]]
    ended: Callable[[int, Completion], None]
    wanted: Callable[[int], bool]


def take_batch(waiting: deque[Ask], most_tokens: int) -> list[Ask]:
    """Take as many asks as fit one batch of so many positions, oldest first, the first one however large.

    Those that nobody wants any more are told UnwantedError.
    """
    taken: list[Ask] = []
    rows, longest = 0, 0
    while waiting:
        ask = waiting[0]
        if ask.rows and not any(map(ask.wanted, range(len(ask.rows)))):
            waiting.popleft().future.set_exception(UnwantedError())
            continue
        rows += len(ask.rows)
        longest = max([longest, *(row.length + row.max_new_tokens for row in ask.rows)])
        if taken and rows * longest > most_tokens:
            break
        taken.append(waiting.popleft())
    return taken


def decode_batch(llm: FrozenLLM, asks: Sequence[Ask], closed: Callable[[], bool]) -> None:
    """Decode the rows of all asks, and give each its completions; a batch without memory is halved.

    Whatever decoding raises, each ask gets. Once the engine is `closed`, what is not complete is refused with
    EngineClosedError.
    """
    places = [(ask, number) for ask in asks for number in range(len(ask.rows))]
    cut = threading.Event()  # by the end of the engine, before the answers were complete

    def ended(place: int, completion: Completion) -> None:
        ask, number = places[place]
        ask.ended(number, completion)

    def wanted(place: int) -> bool:
        ask, number = places[place]
        if closed():
            cut.set()
        return not closed() and ask.wanted(number)

    rows = [ask.rows[number] for ask, number in places]
    batch: Future[list[Completion]] = Future()
    resolve(batch, lambda: decode(llm, rows, ended, wanted))
    error = batch.exception()
    if cut.is_set():
        error = EngineClosedError()
    if error is not None and is_out_of_memory(error):
        error.with_traceback(None)  # it holds on to what decoding has made
        release_memory(llm.device)
        if len(asks) > 1:
            half = len(asks) // 2
            decode_batch(llm, asks[:half], closed)
            decode_batch(llm, asks[half:], closed)
            return
        error = OutOfMemoryError(
            f"{len(rows)} answers at once do not fit in memory: ask for fewer samples, passages or books"
        )
    start = 0
    for ask in asks:
        if error is not None:
            ask.future.set_exception(error)
        else:
            ask.future.set_result(batch.result()[start : start + len(ask.rows)])
        start += len(ask.rows)


def resolve(future: Future[T], work: Callable[[], T]) -> None:
    """Do the work, and give the future what comes of it, or what it raises."""
    try:
        future.set_result(work())
    # Whoever waits for it gets it; the thread lives on. Libraries in Rust panic with what is no Exception.
    except BaseException as error:
        future.set_exception(error)
