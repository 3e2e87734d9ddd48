"""The heartbeat of a job: renews its lease while a piece of work takes long."""

import logging
import threading
from types import TracebackType
from typing import Self

from store import jobs
from store.database import Database
from store.errors import NotFoundError, StaleTokenError, StoreError
from store.tables import Job

log = logging.getLogger(__name__)
# Renewals in the time of one lease: some may find the database locked.
_BEATS = 6


class Heartbeat:
    """Renews a job's lease of `lease_seconds` in a thread of its own, from `with` to its end.

    `cancelled` says that somebody wants the job cancelled. A lease that is lost is found out at the job's
    next write, which the fencing token guards.
    """

    def __init__(self, database: Database, job: Job, lease_seconds: float) -> None:
        self._database = database
        self._job = job
        self._lease_seconds = lease_seconds
        self._ended = threading.Event()
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    @property
    def cancelled(self) -> bool:
        """Whether somebody wants the job cancelled."""
        return self._cancelled.is_set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._lease_seconds / _BEATS):
            try:
                with self._database.write() as session:
                    job = self._job
                    if jobs.heartbeat(session, job.id, job.token, self._lease_seconds):
                        self._cancelled.set()
            except (NotFoundError, StaleTokenError):
                return
            except StoreError as error:
                log.warning("the lease of job %s could not be renewed: %s", self._job.id, error)
