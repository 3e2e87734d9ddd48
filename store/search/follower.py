"""Work that follows what happens: done in a thread, once for all who ask for it meanwhile."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Follower(Generic[T]):
    """Does `work` on a thread of its own after each `call`; calls that come before it begins share it.

    `afterwards` is done once nobody waits for `work` any more.
    """

    def __init__(
        self, name: str, work: Callable[[], T], afterwards: Callable[[], None] = lambda: None
    ) -> None:
        self._name = name
        self._work = work
        self._afterwards = afterwards
        self._lock = Lock()
        self._next: Future[T] | None = None
        self._thread: Thread | None = None

    def call(self) -> Future[T]:
        """Have the work done, from its beginning; returns at once. The future raises what the work does."""
        with self._lock:
            if self._next is None:
                self._next = Future()
            if self._thread is None:
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            return self._next

    def join(self, seconds: float | None = None) -> None:
        """Wait until all is done that was called for, for so many seconds at most."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _run(self) -> None:
        while True:
            with self._lock:
                future, self._next = self._next, None
            if future is not None:
                _do(self._work, future)
                continue
            _do(self._afterwards, Future[None]())
            with self._lock:
                if self._next is None:
                    self._thread = None
                    return


def _do(work: Callable[[], T], future: Future[T]) -> None:
    try:
        done = work()
    except Exception as error:
        _log.warning("The passage index could not be brought up to date: %s", error)
        future.set_exception(error)
    else:
        future.set_result(done)
