"""Work for a client that may go away before the work is done: the rest of it is then not wanted."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from threading import Event
from typing import Annotated, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from app.engine.errors import UnwantedError
from app.http.ask_room import AskRoom
from app.http.problems import Problem, as_problem

T = TypeVar("T")
log = logging.getLogger(__name__)


class Waiting:
    """A client that waits for an answer, which is worked on on one of these threads."""

    def __init__(self, request: Request, threads: CapacityLimiter) -> None:
        self._request = request
        self._threads = threads
        self._gone = Event()

    def wanted(self) -> bool:
        """Whether the client is still there; may be called from any thread."""
        return not self._gone.is_set()

    async def result(self, work: Callable[[], T]) -> T:
        """Do the work on a thread while the connection is watched; return or raise what it does."""
        watch = asyncio.ensure_future(self._watch())
        try:
            return await to_thread.run_sync(work, limiter=self._threads)
        finally:
            watch.cancel()

    async def follow(self, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the chunks as they come, until the client goes away."""
        try:
            # Where the response is given up, so is the wait for the next chunk.
            while (chunk := await self._next(chunks)) is not None:
                yield chunk
        finally:
            self._gone.set()

    async def _next(self, chunks: Iterator[bytes]) -> bytes | None:
        return await to_thread.run_sync(next, chunks, None, abandon_on_cancel=True, limiter=self._threads)

    async def _watch(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self._gone.set()


async def _waiting(request: Request) -> AsyncIterator[Waiting]:
    room: AskRoom = request.app.state.asks
    with room.taken():
        yield Waiting(request, room.threads)


# One of as many as may wait at once, until its response is sent.
WaitingDep = Annotated[Waiting, Depends(_waiting)]


def to_the_end(chunks: Iterator[bytes], broken: Callable[[Problem], bytes]) -> Iterator[bytes]:
    """The chunks of a response whose status is sent already; an error becomes the chunk `broken`."""
    try:
        yield from chunks
    except UnwantedError:
        return
    except Exception as error:
        log.exception("an answer broke off")
        yield broken(as_problem(error))
