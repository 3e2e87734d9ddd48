"""What the database answers, told at once however long it takes to."""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from anyio import CapacityLimiter, to_thread
from sqlalchemy import text
from sqlalchemy.orm import Session

from store.database import Database
from store.errors import StoreBusyError, StoreError

T = TypeVar("T")
# How long an answer is waited for; after it what was known last is told.
_WAIT_SECONDS = 0.02
# The same before requests are taken, when nothing is known yet.
_FIRST_WAIT_SECONDS = 1.0
# How long that counts.
_KNOWN_SECONDS = 10.0


class StoreProbe(Generic[T]):
    """Asks the database one `question`, on a thread of its own, once at a time."""

    def __init__(self, database: Database, question: Callable[[Session], T]) -> None:
        self._database = database
        self._question = question
        self._threads = CapacityLimiter(1)
        self._asking: asyncio.Task[StoreError | T] | None = None
        self._said: StoreError | T = StoreBusyError("The database has not answered yet.")
        self._said_at = float("-inf")

    async def prepare(self) -> None:
        """Ask for the first time, so that there is something to tell from the first request on."""
        await self._wait(_FIRST_WAIT_SECONDS)

    async def answer(self) -> T:
        """What it says, or said lately. StoreError: the database said so, or says nothing for a while."""
        await self._wait(_WAIT_SECONDS)
        if time.monotonic() - self._said_at > _KNOWN_SECONDS:
            raise StoreBusyError("The database does not answer.")
        if isinstance(self._said, StoreError):
            raise self._said
        return self._said

    async def _wait(self, seconds: float) -> None:
        """Wait for the answer to the question, which is asked unless it is being asked."""
        if self._asking is None:
            self._asking = asyncio.create_task(to_thread.run_sync(self._ask, limiter=self._threads))
        await asyncio.wait([self._asking], timeout=seconds)
        if (asked := self._asking) is not None and asked.done():
            self._asking = None
            self._said, self._said_at = asked.result(), time.monotonic()

    def _ask(self) -> StoreError | T:
        try:
            with self._database.read() as session:
                # What is known without the database, such as a worker of this process, says nothing of it.
                session.execute(text("SELECT 1"))
                return self._question(session)
        except StoreError as error:
            return error
