"""Whether the database answers, told at once however long it takes to."""

import asyncio
import time

from anyio import CapacityLimiter, to_thread
from sqlalchemy import text

from store.database import Database
from store.errors import StoreBusyError, StoreError

# How long an answer is waited for; after it what was known last is told.
_WAIT_SECONDS = 0.02
# How long that counts.
_KNOWN_SECONDS = 10.0


class StoreProbe:
    """Asks the database on a thread of its own, one question at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._threads = CapacityLimiter(1)
        self._asking: asyncio.Task[StoreError | None] | None = None
        self._said: StoreError | None = None
        self._said_at = float("-inf")

    async def expect_answer(self) -> None:
        """Raise StoreError where the database said so, or says nothing for a while."""
        if self._asking is None:
            self._asking = asyncio.create_task(to_thread.run_sync(self._ask, limiter=self._threads))
        await asyncio.wait([self._asking], timeout=_WAIT_SECONDS)
        if self._asking is not None and self._asking.done():
            self._said, self._said_at = self._asking.result(), time.monotonic()
            self._asking = None
        if time.monotonic() - self._said_at > _KNOWN_SECONDS:
            raise StoreBusyError("The database does not answer.")
        if self._said is not None:
            raise self._said

    def _ask(self) -> StoreError | None:
        try:
            with self._database.read() as session:
                session.execute(text("SELECT 1"))
        except StoreError as error:
            return error
        return None
