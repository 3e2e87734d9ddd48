"""The worker: takes jobs from the queue, one after the other, and sees each to its end."""

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from app.answering.skill import LoadedSkill
from app.engine.member_cache import MemberCache, UnusableVersionError
from app.engine.scheduler import EngineClosedError, Scheduler
from app.training.heartbeat import CancelledError
from app.training.job_runner import JobRunner, LeavingError
from app.training.trial import Trial
from store import jobs
from store.database import Database
from store.errors import NotFoundError, StaleTokenError, StoreBusyError
from store.tables import Job
from trainer.llm.microbatches import Microbatches, OutOfMemoryError
from trainer.progress import DivergedError

_LEASE_SECONDS = 60.0
# How long an idle worker waits before it looks for jobs that another process put in the queue.
_LOOK_SECONDS = 5.0

log = logging.getLogger(__name__)


class Worker:
    """Takes jobs on a thread of its own; a job that it must leave goes back to the queue."""

    def __init__(
        self,
        database: Database,
        scheduler: Scheduler,
        members: MemberCache,
        skill: LoadedSkill,
        trial: Trial,
        *,
        microbatches: Microbatches | None = None,
        keep_versions: int = 0,
    ) -> None:
        self._database = database
        self._scheduler = scheduler
        self._members = members
        self._skill = skill
        self._trial = trial
        self._microbatches = microbatches
        self._keep_versions = keep_versions
        self._name = f"worker_{uuid.uuid4().hex[:8]}"
        self._stopping = threading.Event()
        self._called = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def call(self) -> None:
        """Wake the worker up: a job was queued or cancelled."""
        self._called.set()

    def close(self) -> None:
        """Give the running job back to the queue and end the thread."""
        self._stopping.set()
        self._called.set()
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether jobs are being taken."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._called.clear()
            try:
                with self._database.write() as session:
                    job = jobs.lease(session, self._name, _LEASE_SECONDS)
            except StoreBusyError:
                job = None
            if job is None:
                self._called.wait(_LOOK_SECONDS)
            else:
                self._work(job)

    def _work(self, job: Job) -> None:
        runner = JobRunner(
            job,
            self._database,
            self._scheduler,
            self._members,
            self._skill,
            self._trial,
            lease_seconds=_LEASE_SECONDS,
            microbatches=self._microbatches,
            keep_versions=self._keep_versions,
            leaving=self._stopping.is_set,
        )
        try:
            runner.run()
        except (NotFoundError, StaleTokenError):
            log.info("job %s is no longer ours: its book was deleted or another worker has it", job.id)
        except (EngineClosedError, LeavingError):
            self._give_back(job)
        except CancelledError:
            self._finish(job, "cancelled")
        except Exception as error:
            log.exception("job %s failed", job.id)
            self._finish(job, "failed", _code(error), _why(error))

    def _finish(
        self,
        job: Job,
        status: Literal["failed", "cancelled"],
        code: str | None = None,
        why: str | None = None,
    ) -> None:
        with _if_still_ours(job), self._database.write() as session:
            jobs.finish(session, job.id, job.token, status=status, error_code=code, error_message=why)

    def _give_back(self, job: Job) -> None:
        with _if_still_ours(job), self._database.write() as session:
            jobs.release(session, job.id, job.token)


@contextmanager
def _if_still_ours(job: Job) -> Iterator[None]:
    """Ignore that a job ended elsewhere, or that its end could not be written to a locked database."""
    try:
        yield
    except (NotFoundError, StaleTokenError):
        log.info("job %s ended elsewhere", job.id)
    except StoreBusyError:
        log.warning("the database is locked: job %s is taken again when its lease runs out", job.id)


def _code(error: Exception) -> str:
    if isinstance(error, OutOfMemoryError):
        return "out-of-memory"
    if isinstance(error, DivergedError):
        return "diverged"
    if isinstance(error, UnusableVersionError):
        return f"parent-{error.slug}"
    return "invalid-recipe" if isinstance(error, ValueError) else "training-failed"


def _why(error: Exception) -> str:
    """The error's message; where memory ran out, with the settings that its advice is about."""
    if isinstance(error, OutOfMemoryError):
        return f"{error} (set BOOKCHORUS_CHECKPOINTING=on, or BOOKCHORUS_QUANTIZATION=int8 or nf4)"
    return str(error)
