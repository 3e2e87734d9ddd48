"""The service's object graph, made once from the settings."""

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event
from typing import NoReturn

from sqlalchemy.orm import Session

from app.answering.per_passage import WAVES, PerPassage
from app.answering.pipeline import Answering
from app.answering.retrieval import Retrieval
from app.answering.skill import LoadedSkill, active_skill
from app.asking.asker import load_asker
from app.engine.embedder import EMBEDDED, Embedder, WheelEmbedder, load_embedder
from app.engine.engine import Engine
from app.engine.member_cache import MemberCache
from app.engine.scheduler import Scheduler
from app.errors import CommandError
from app.parsing.sandbox import ParserSandbox
from app.resources.database import open_database
from app.settings import Settings
from app.telemetry import logs
from app.telemetry.engine_state import EngineState
from app.telemetry.telemetry import Telemetry
from app.training.requests import TrainingRequests
from app.training.trial import Trial
from app.training.worker import Worker
from store import workers
from store.database import Database
from store.search.index import PassageIndex
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches

_SIGNAL_SECONDS = 0.5
# How long the end of a service waits for its index to be kept; what is not kept is made again at a start.
_SETTLE_SECONDS = 2.0
# Within which time a service or a worker has ended once it is told to.
END_SECONDS = 24.0


@dataclass(frozen=True)
class Service:
    """Everything that one process runs."""

    settings: Settings
    database: Database
    index: PassageIndex
    scheduler: Scheduler
    members: MemberCache
    skill: LoadedSkill
    engine: Engine
    answering: Answering
    training: TrainingRequests
    worker: Worker
    parser: ParserSandbox
    telemetry: Telemetry
    # Set once the service is to end: whatever waits for something to happen stops waiting.
    leaving: Event = field(default_factory=Event)

    def has_worker(self, session: Session) -> bool:
        """Whether somebody takes jobs: this process or another one on the same database."""
        return self.worker.alive or workers.any_alive(session, but=self.worker.name)

    def books_by_words(self, session: Session) -> int:
        """How many books are searched by their words alone; without those that a job will embed, where jobs
        are taken.
        """
        return self.index.count_waiting(session, for_jobs=not self.has_worker(session))

    def leave(self) -> None:
        """Give the running job back, with its checkpoint, and train no more; asks go on."""
        self.leaving.set()
        self.worker.leave()
        self.scheduler.end_training()

    def close(self, seconds: float | None = None) -> bool:
        """Leave, end the threads, close the database; return whether all has ended within so many seconds.

        Asks that go on end with EngineClosedError.
        """
        self.leave()
        began = time.monotonic()
        worked = self.worker.close(seconds)
        self.index.settle(_SETTLE_SECONDS)
        left = None if seconds is None else max(0.0, began + seconds - time.monotonic())
        answered = self.scheduler.close(left)
        self.database.close()
        return worked and answered


def start(settings: Settings, llm: Future[FrozenLLM], tell: Callable[[str], None]) -> Service:
    """Build the service of this process, which does nothing else; garbage collection may be off until then.

    Raises what `build` does.
    """
    logs.configure(settings.log_level, settings.log_format)
    service = build(settings, llm, tell=tell)
    # What exists by now lives as long as the process. Garbage collection over it would stop every
    # request for a second now and then.
    gc.freeze()
    gc.enable()
    return service


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
    while not told.wait(_SIGNAL_SECONDS) and service.worker.alive:
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


def build(
    settings: Settings,
    llm: FrozenLLM | Future[FrozenLLM],
    embedder: Embedder | None = None,
    skill: LoadedSkill | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Service:
    """Open the store, load what is not handed in, and start the worker; `tell` is told what goes on.

    The LLM may be one that is still being loaded: it is waited for when it is needed.
    Raises CommandError with one line when the LLM, the embedder or the database cannot be had.
    """
    tell("opens the database")
    database = open_database(settings, lives=True)
    tell("loads the embedder")
    # Answers are compared by the embedded one, by which the vote and its confidence were fitted.
    voting = embedder or WheelEmbedder()
    tell(f"loads the LLM: {settings.model} (the first time a minute or more)")
    if isinstance(llm, Future):
        llm = llm.result()
    # After the LLM: both may import parts of transformers.
    searching = voting if settings.embedder == EMBEDDED else load_embedder(settings)
    tell("opens the index")
    index = PassageIndex(
        database, settings.index_dir, searching, searching.name, embed_questions=searching.questions
    )
    index.follow()  # nobody waits for it but questions about books that it lacks
    tell("takes up the skill")
    scheduler = Scheduler(llm)
    members = MemberCache(database, llm)
    skill = skill or active_skill(database, llm, fold=settings.fold_skill)
    engine = Engine(scheduler, members, skill=skill.skill, most_bytes=settings.context_bytes)
    # On a GPU a batch of all passages takes no longer than one of few.
    ensemble = PerPassage(engine, skill, voting, waves=WAVES if engine.on_cpu else ())
    retrieval = Retrieval(database, index)
    telemetry = Telemetry()
    telemetry.figures.read(EngineState(scheduler, engine, members))
    worker = Worker(
        database,
        scheduler,
        index,
        members,
        skill,
        Trial(llm, skill, retrieval, voting),
        microbatches=Microbatches(llm.device, settings.pass_tokens, scheduler.asked_lately),
        keep_versions=settings.keep_versions,
        folder=settings.data_dir / "workers",
        asker=load_asker(settings.asker, llm),
        watch=telemetry.attempt,
    )
    if settings.trains:
        worker.start()
    return Service(
        settings=settings,
        database=database,
        index=index,
        scheduler=scheduler,
        members=members,
        skill=skill,
        engine=engine,
        answering=Answering(database, retrieval, engine, ensemble, telemetry.answered),
        training=TrainingRequests(
            database, members, llm, float(settings.budget_seconds), settings.max_queued_jobs
        ),
        worker=worker,
        parser=ParserSandbox(
            settings.parse_seconds, settings.parse_memory_bytes, settings.max_book_characters
        ),
        telemetry=telemetry,
    )
