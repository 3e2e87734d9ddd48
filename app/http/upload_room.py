"""Room for uploads: threads of their own, so that nothing else waits for them."""

from collections.abc import Callable
from typing import Annotated, TypeVar, cast

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

T = TypeVar("T")
# Few: to read, hash and cut a text takes one core each, and what is read lies in memory.
_THREADS = 4


class UploadRoom:
    """The `threads` on which uploads are read, cut into passages and stored; others wait in turn."""

    def __init__(self) -> None:
        self.threads = CapacityLimiter(_THREADS)

    async def run(self, work: Callable[[], T]) -> T:
        """Do the work on one of them; return or raise what it does."""
        return await to_thread.run_sync(work, limiter=self.threads)


async def _room(request: Request) -> UploadRoom:
    return cast(UploadRoom, request.app.state.uploads)


UploadRoomDep = Annotated[UploadRoom, Depends(_room)]
