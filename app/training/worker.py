"""The worker: takes jobs from the queue, one after the other, and sees each to its end.

While there is none, it embeds the passages that still lack a vector.

A job whose worker vanished is leased again once its lease has ended or, on the same machine and folder, as
soon as the lock of that worker's process is free: its fencing token refuses whatever it might still write.
"""

import logging
import threading
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path

from app.answering.skill import LoadedSkill
from app.asking.asker import LoadedAsker
from app.engine.errors import EngineClosedError
from app.engine.member_cache import MemberCache
from app.engine.scheduler import Scheduler
from app.training.job_runner import JobRunner
from app.training.outcomes import Outcome, outcome_of
from app.training.presence import Presence
from app.training.trial import Trial
from store import jobs, workers
from store.database import Database
from store.errors import NotFoundError, StaleTokenError, StoreError
from store.search.index import PassageIndex
from store.tables import Job
from trainer.llm.microbatches import Microbatches, release_memory

# With the time that an idle worker waits, a job is taken again within a minute after its worker was killed.
_LEASE_SECONDS = 50.0
# How long an idle worker waits before it looks for jobs that another process put in the queue, which only
# reads; and after how many looks it writes that it lives, and embeds what waits for that.
_LOOK_SECONDS = 1.0
_LOOKS = 5
# How long a worker waits before it writes again what the store did not take.
_RETRY_SECONDS = 1.0

# Around an attempt at a job: what it yields is told what happens in the attempt, and the error that ends it.
Watch = Callable[[Job], AbstractContextManager[Callable[[object], None]]]

log = logging.getLogger(__name__)


class Worker:
    """Takes jobs on a thread of its own; a job that it must leave goes back to the queue.

    Whatever a job raises ends its attempt and not the thread, which waits where the store takes nothing.
    """

    def __init__(
        self,
        database: Database,
        scheduler: Scheduler,
        index: PassageIndex,
        members: MemberCache,
        skill: LoadedSkill,
        trial: Trial,
        *,
        microbatches: Microbatches | None = None,
        keep_versions: int = 0,
        folder: Path | None = None,
        asker: LoadedAsker | None = None,
        watch: Watch = lambda _: nullcontext(lambda _: None),
    ) -> None:
        """The `folder` is where workers on this machine say that they live; without one nobody knows."""
        self._database = database
        self._scheduler = scheduler
        self._index = index
        self._members = members
        self._skill = skill
        self._trial = trial
        self._microbatches = microbatches
        self._keep_versions = keep_versions
        self._asker = asker
        self._watch = watch
        self._folder = folder
        self.name = f"worker_{uuid.uuid4().hex[:8]}"
        self._presence: Presence | None = None
        # The job at hand, and what runs it.
        self._held: Job | None = None
        self._running: JobRunner | None = None
        self._stopping = threading.Event()
        self._called = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def call(self) -> None:
        """Wake the worker up: a job was queued or cancelled."""
        self._called.set()
        running = self._running
        if running is not None:
            running.call()

    def leave(self) -> None:
        """Take no more jobs, and give the running one back to the queue at its next pass of the LLM."""
        self._stopping.set()
        self._called.set()

    def close(self, seconds: float | None = None) -> bool:
        """Leave, and wait for the end of the thread; return whether it has ended within so many seconds.

        A job whose pass takes longer is given back all the same, with the checkpoint that it has.
        """
        self.leave()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        held = self._held
        if self.alive and held is not None:
            log.warning("job %s is given back in the middle of a pass of the LLM", held.id)
            self._settle(held, partial(jobs.release, job_id=held.id, token=held.token))
        return not self.alive

    @property
    def alive(self) -> bool:
        """Whether jobs are being taken."""
        return self._thread.is_alive()

    def _run(self) -> None:
        self._presence = self._present()
        while not self._stopping.is_set():
            self._called.clear()
            self._held = job = self._lease()
            if job is None:
                self._embed_waiting()
                self._await_job()
                continue
            self._settle(job, self._outcome(job))
            self._held = None
            release_memory(self._scheduler.llm.device)
        try:
            with self._database.write() as session:
                workers.gone(session, self.name)
        except Exception as error:
            _warn("the end of this worker is not written", error)
        if self._presence is not None:
            self._presence.close()

    def _present(self) -> Presence | None:
        """Say on this machine that the worker lives, where that can be said."""
        try:
            return None if self._folder is None else Presence(self._folder, self.name)
        except OSError as error:
            log.warning("a job of this worker waits for its lease to end if it is killed: %s", error)
            return None

    def _lease(self) -> Job | None:
        """The next job; None where there is none, or where the store does not give one."""
        try:
            with self._database.write() as session:
                return jobs.lease(session, self.name, _LEASE_SECONDS, self._has_ended)
        except Exception as error:
            _warn("no job can be taken", error)
            self._stopping.wait(_RETRY_SECONDS)
            return None

    def _await_job(self) -> None:
        """Wait until this process or another one has put a job in the queue, but not for long."""
        for _ in range(_LOOKS):
            if self._called.wait(_LOOK_SECONDS):
                return
            # What goes wrong here, the lease tells.
            with suppress(Exception), self._database.read() as session:
                if jobs.any_free(session, _LEASE_SECONDS, self._has_ended):
                    return

    def _has_ended(self, worker: str) -> bool:
        """Whether the process of another worker has ended for certain."""
        return self._presence is not None and self._presence.has_ended(worker)

    def _embed_waiting(self) -> None:
        """Embed what no job will, such as books of an older embedder, until there is a job to take."""
        try:
            for book_id in self._index.waiting():
                for _ in self._index.embed(book_id, self._scheduler.run_when_idle):
                    if self._called.is_set():
                        return
        except EngineClosedError:
            return
        except Exception as error:
            _warn("no passages can be embedded", error)

    def _outcome(self, job: Job) -> Outcome | None:
        """Run a job; how its attempt ended; None where it was published, with the end of the job."""
        with self._watch(job) as happened:
            return self._attempted(job, happened)

    def _attempted(self, job: Job, happened: Callable[[object], None]) -> Outcome | None:
        try:
            self._running = self._runner(job, happened)
            self._running.run()
        except BaseException as error:  # libraries in Rust panic with errors that are no Exception
            happened(error)
            return outcome_of(job, error)
        finally:
            self._running = None  # and with it all that was learned
        return None

    def _settle(self, job: Job, outcome: Outcome | None) -> None:
        """Write how an attempt ended, as soon as the store takes it.

        What is not written when the worker is to stop is left to the end of the lease.
        """
        while outcome is not None:
            try:
                with self._database.write() as session:
                    outcome(session)
                return
            except (NotFoundError, StaleTokenError):
                log.info("job %s ended elsewhere", job.id)
                return
            except Exception as error:
                _warn(f"the end of job {job.id} is not written yet", error)
            if self._stopping.wait(_RETRY_SECONDS):
                return

    def _runner(self, job: Job, happened: Callable[[object], None]) -> JobRunner:
        return JobRunner(
            job,
            self._database,
            self._scheduler,
            self._index,
            self._members,
            self._skill,
            self._trial,
            lease_seconds=_LEASE_SECONDS,
            microbatches=self._microbatches,
            keep_versions=self._keep_versions,
            asker=self._asker,
            leaving=self._stopping.wait,
            happened=happened,
        )


def _warn(what: str, error: Exception) -> None:
    """Say in one line what the store did not take; what is no error of the store's with its traceback."""
    log.warning("%s: %s", what, error, exc_info=None if isinstance(error, StoreError) else error)
