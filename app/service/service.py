"""Everything that one process of the service runs, and its end."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import NoReturn

from sqlalchemy.orm import Session

from app.answering.pipeline import Answering
from app.answering.skill_in_force import SkillInForce
from app.engine.engine import Engine
from app.engine.member_cache import MemberCache
from app.engine.scheduler import Scheduler
from app.errors import CommandError
from app.parsing.sandbox import ParserSandbox
from app.settings import Settings
from app.telemetry.telemetry import Telemetry
from app.training.requests import TrainingRequests
from app.training.worker import Worker
from app.transfer.desk import Desk
from store import workers
from store.database import Database
from store.search.index import PassageIndex

_SIGNAL_SECONDS = 0.5
# How long the end of a service waits for its index to be kept; what is not kept is made again at a start.
_SETTLE_SECONDS = 2.0
# Within which time a service or a worker has ended once it is told to.
END_SECONDS = 24.0


@dataclass(frozen=True)
class Service:
    """Everything that one process runs; the LLM may be another one's, and then there is no worker here."""

    settings: Settings
    database: Database
    index: PassageIndex
    scheduler: Scheduler
    members: MemberCache
    skill: SkillInForce
    engine: Engine
    answering: Answering
    desk: Desk
    training: TrainingRequests
    parser: ParserSandbox
    telemetry: Telemetry
    worker: Worker | None = None
    # Set once the service is to end: whatever waits for something to happen stops waiting.
    leaving: Event = field(default_factory=Event)

    def has_worker(self, session: Session) -> bool:
        """Whether somebody takes jobs: this process or another one on the same database."""
        mine = self.worker
        if mine is not None and mine.alive:
            return True
        return workers.any_alive(session, but=None if mine is None else mine.name)

    def books_by_words(self, session: Session) -> int:
        """How many books are searched by their words alone; without those that a job will embed, where jobs
        are taken.
        """
        return self.index.count_waiting(session, for_jobs=not self.has_worker(session))

    def call_worker(self) -> None:
        """Wake this process's worker up: a job was queued or cancelled. Others look by themselves."""
        if self.worker is not None:
            self.worker.call()

    def leave(self) -> None:
        """Give the running job back, with its checkpoint, and train no more; asks go on."""
        self.leaving.set()
        if self.worker is not None:
            self.worker.leave()
        self.scheduler.end_training()

    def close(self, seconds: float | None = None) -> bool:
        """Leave, end the threads, close the database; return whether all has ended within so many seconds.

        Asks that go on end with EngineClosedError.
        """
        self.leave()
        began = time.monotonic()
        worked = self.worker is None or self.worker.close(seconds)
        self.index.settle(_SETTLE_SECONDS)
        left = None if seconds is None else max(0.0, began + seconds - time.monotonic())
        answered = self.scheduler.close(left)
        self.database.close()
        return worked and answered


def work(service: Service, on_ready: Callable[[], None]) -> None:
    """Take jobs until SIGINT or SIGTERM, and answer nobody; calls `on_ready` when it begins.

    At the end the running job is given back with its checkpoint, within 30 seconds. Raises CommandError when
    the worker ends by itself.
    """
    told = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    on_ready()
    # Not for ever at once: a signal is only looked at between two waits.
    worker = service.worker
    while not told.wait(_SIGNAL_SECONDS) and worker is not None and worker.alive:
        pass
    if not service.close(END_SECONDS):
        exit_now()
    if not told.is_set():
        raise CommandError("The worker has ended by itself; the log says why.")


def exit_now() -> NoReturn:
    """End the process, which a pass of the LLM, or who waits for one, would hold up."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)
