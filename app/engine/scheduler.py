"""The scheduler: one thread that owns the LLM, answers first, and trains in between."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, TypeVar

import torch

from app.engine.ask_batches import Ask, decode_batch, resolve, take_batch
from app.engine.errors import EngineClosedError
from trainer.llm.batch_types import Completion, Row
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.heap import trim_heap

T = TypeVar("T")
log = logging.getLogger(__name__)
# How long after a question training still expects another.
_LATELY_SECONDS = 60.0


class Scheduler:
    """Runs everything that touches the LLM, one thing at a time, on a thread of its own.

    Asks that wait at the same moment are decoded as one batch of at most `batch_tokens` positions (a larger
    ask alone is still one batch). A batch that does not fit in memory is halved. Training runs when no ask
    waits and no `question` is open. Each batch and each pass of training is logged, at the level debug.

    Tensors of many sizes come and go, so that the C library's heap has ever more gaps: while there is work,
    their memory goes back to the operating system once in so many seconds.
    """

    def __init__(
        self,
        llm: FrozenLLM,
        *,
        batch_tokens: int = 16_384,
        patience: float = 2.0,
        trim_seconds: float = 60.0,
    ) -> None:
        """`patience` is in seconds, too."""
        self.llm = llm
        self._patience = patience
        self._trim_seconds = trim_seconds
        self._trimmed = time.monotonic()
        self._batch_tokens = batch_tokens
        self._asks: deque[Ask] = deque()
        self._urgent: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._idle: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._trains = True
        self._questions = 0
        # When a question was last heard of, on the monotonic clock.
        self._heard = -math.inf
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def ask(
        self,
        rows: Sequence[Row],
        ended: Callable[[int, Completion], None] = lambda *_: None,
        wanted: Callable[[int], bool] = lambda _: True,
    ) -> Future[list[Completion]]:
        """Decode rows; the future gives a completion for each. Raises EngineClosedError after `close`.

        `ended` is called on the scheduler's thread with a row's number and completion as soon as the row
        ends. A row that is no longer `wanted`, by its number, leaves the batch. Where no row is wanted any
        more when their turn comes, the future gives UnwantedError.
        """
        future: Future[list[Completion]] = Future()
        with self._wake:
            self._open()
            self._asks.append(Ask(rows, future, ended, wanted))
            self._wake.notify()
        return future

    def follow(
        self, rows: Sequence[Row], wanted: Callable[[int], bool] = lambda _: True
    ) -> Iterator[tuple[int, Completion]]:
        """Decode rows; yields the number of each with its completion, in the order in which they end.

        Rows that are no longer `wanted`, by their numbers, are left out. Raises EngineClosedError after
        `close`, and UnwantedError when no row was wanted any more before decoding began.
        """
        ended: SimpleQueue[tuple[int, Completion] | None] = SimpleQueue()
        future = self.ask(rows, lambda number, completion: ended.put((number, completion)), wanted)
        # However decoding ends, the caller below must wake up.
        future.add_done_callback(lambda _: ended.put(None))
        while (found := ended.get()) is not None:
            yield found
        future.result()

    def run_now(self, work: Callable[[], T]) -> T:
        """Run a piece of answering before all that waits, and return its result.

        Raises EngineClosedError after `close`, and what `work` raises.
        """
        return self._put(self._urgent, work).result()

    def run_when_idle(self, work: Callable[[], T]) -> T:
        """Run a piece of training once no ask waits, and return its result.

        Raises EngineClosedError after `end_training` and `close`, and what `work` raises.
        """
        return self.queue_training(work).result()

    def queue_training(self, work: Callable[[], T]) -> Future[T]:
        """Have a piece of training run once no ask waits; `run_when_idle` waits for it, too."""
        with self._wake:
            if not self._trains:
                raise EngineClosedError()
        return self._put(self._idle, work)

    def end_training(self) -> None:
        """Refuse the training that waits, and any more, with EngineClosedError; what runs ends its piece."""
        with self._wake:
            self._trains = False
            waiting = [future for _, future in self._idle]
            self._idle.clear()
        for future in waiting:
            future.set_exception(EngineClosedError())

    @contextmanager
    def question(self) -> Iterator[None]:
        """A question that is asked in several pieces, between which no training begins.

        Who takes longer than `patience` to ask for the next piece lets training go on.
        """
        with self._wake:
            self._questions += 1
            self._heard = time.monotonic()
        try:
            yield
        finally:
            with self._wake:
                self._questions -= 1
                self._wake.notify()

    def asked_lately(self) -> bool:
        """Whether somebody waits for an answer, or did within the last minute."""
        with self._wake:
            waiting = self._asks or self._urgent or self._questions
            return bool(waiting) or time.monotonic() - self._heard < _LATELY_SECONDS

    @property
    def waiting(self) -> int:
        """How many asks wait for the LLM."""
        return len(self._asks) + len(self._urgent)

    @property
    def alive(self) -> bool:
        """Whether asks are answered."""
        return self._thread.is_alive()

    def close(self, seconds: float | None = None) -> bool:
        """Refuse what waits, and the asks that are answered just now, with EngineClosedError; end the thread.

        A piece that runs is finished. Return whether the thread has ended, within so many seconds.
        """
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(seconds)
        with self._wake:
            refused: list[Future[Any]] = [ask.future for ask in self._asks]
            refused += [future for queue in (self._urgent, self._idle) for _, future in queue]
            for waiting in (self._asks, self._urgent, self._idle):
                waiting.clear()
        for future in refused:
            future.set_exception(EngineClosedError())
        return not self._thread.is_alive()

    def _put(self, queue: deque[tuple[Callable[[], Any], Future[Any]]], work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        with self._wake:
            self._open()
            queue.append((work, future))
            self._wake.notify()
        return future

    def _open(self) -> None:
        if self._closed:
            raise EngineClosedError()

    def _run(self) -> None:
        if self.llm.device.type == "cuda":
            torch.cuda.set_device(self.llm.device)  # to this thread: libraries use whichever card is current
        while True:
            with self._wake:
                while not (self._closed or self._urgent or self._asks or (self._idle and self._left() <= 0)):
                    self._wake.wait(self._left() if self._idle else None)
                if self._closed:
                    return
                urgent = self._urgent.popleft() if self._urgent else None
                asks = take_batch(self._asks, self._batch_tokens) if urgent is None else []
                trains = urgent is None and not asks and self._idle and self._left() <= 0
                idle = self._idle.popleft() if trains else None
            if urgent is not None:
                resolve(urgent[1], urgent[0])
            elif asks:
                log.debug("a batch of asks begins")
                decode_batch(self.llm, asks, lambda: self._closed)
            elif idle is not None:
                log.debug("a pass of training begins")
                resolve(idle[1], idle[0])
            if idle is None:
                with self._wake:
                    self._heard = time.monotonic()
            # What has run holds what it was made for, such as the members of a cancelled training.
            urgent, asks, idle = None, [], None
            if time.monotonic() - self._trimmed >= self._trim_seconds:
                trim_heap()
                self._trimmed = time.monotonic()

    def _left(self) -> float:
        """Seconds that training still leaves to the questions that are open, for their next piece."""
        if not self._questions:
            return 0.0
        return self._heard + self._patience - time.monotonic()
