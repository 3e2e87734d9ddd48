"""The heartbeat of a job: renews its lease while a piece of work takes long."""

import logging
import threading
from types import TracebackType
from typing import Self

from store import jobs
from store.database import Database
from store.errors import NotFoundError, StaleTokenError
from store.tables import Job

log = logging.getLogger(__name__)
# Renewals in the time of one lease, every ten seconds of fifty: some may find the database locked.
_BEATS = 5


class CancelledError(Exception):
    """Somebody wants the job cancelled."""


class Heartbeat:
    """Renews a job's lease of `lease_seconds` in a thread of its own, from `with` to its end."""

    def __init__(self, database: Database, job: Job, lease_seconds: float) -> None:
        self._database = database
        self._job = job
        self._lease_seconds = lease_seconds
        self._ended = threading.Event()
        self._called = threading.Event()
        self._cancelled = False
        self._lost: NotFoundError | StaleTokenError | None = None
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def check(self) -> None:
        """Raise CancelledError when somebody wants the job cancelled, and what ended the lease, if it did.

        That is StaleTokenError when another worker has the job, NotFoundError when it is gone with its book.
        """
        if self._lost is not None:
            raise self._lost
        if self._cancelled:
            raise CancelledError()

    def call(self) -> None:
        """Renew the lease now, and see whether somebody wants the job cancelled."""
        self._called.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._called.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._called.wait(self._lease_seconds / _BEATS)
            self._called.clear()
            if self._ended.is_set():
                return
            try:
                with self._database.write() as session:
                    job = self._job
                    if jobs.heartbeat(session, job.id, job.token, self._lease_seconds):
                        self._cancelled = True
            except (NotFoundError, StaleTokenError) as error:
                self._lost = error
                return
            except Exception as error:  # whatever it is: without a heartbeat another worker takes the job
                log.warning("the lease of job %s could not be renewed: %s", self._job.id, error)
