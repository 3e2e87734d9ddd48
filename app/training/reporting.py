"""What a job tells of itself while its lease is renewed."""

import logging
import math
import time

from app.training.heartbeat import CancelledError
from app.training.job_events import Happened, Pace, PhaseKind, record_progress
from store import jobs
from store.database import Database
from store.errors import StoreBusyError
from store.tables import Job

# How often a job says how far the work before and after its training is.
_TELL_SECONDS = 2.0

log = logging.getLogger(__name__)


class Reporting:
    """Records what happens in a job, and renews its lease of so many seconds with it."""

    def __init__(self, database: Database, job: Job, lease_seconds: float) -> None:
        self._database = database
        self._job = job
        self._lease_seconds = lease_seconds
        self._pace = Pace()
        self._told = -math.inf

    def record(self, happened: Happened) -> None:
        """Record it. What a locked database does not take is not recorded.

        Raises CancelledError where somebody wants the job cancelled, and StaleTokenError where another worker
        has it.
        """
        try:
            with self._database.write() as session:
                cancelled = jobs.heartbeat(session, self._job.id, self._job.token, self._lease_seconds)
                record_progress(session, self._job, happened)
        except StoreBusyError:
            log.warning("the database is locked: progress of job %s is not recorded", self._job.id)
            return
        if cancelled:
            raise CancelledError()

    def phase(
        self, kind: PhaseKind, done: float, total: int, most: float = math.inf, until: int = 0
    ) -> float:
        """Record how far the work before or after training is, which ends as `Pace.phase` has it: where it
        begins, now and then, and where it ends. Returns how many seconds it took so far. Raises what `record`
        does.
        """
        phase = self._pace.phase(kind, done, total, most, until)
        now = time.monotonic()
        if self._pace.elapsed == 0 or done == total or now - self._told >= _TELL_SECONDS:
            self._told = now
            self.record(phase)
        return self._pace.elapsed
