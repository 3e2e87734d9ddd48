"""How a service's parts are made from its settings and put together."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from app.answering.per_passage import WAVES, PerPassage
from app.answering.pipeline import Answering
from app.answering.retrieval import Retrieval
from app.answering.skill import LoadedSkill, active_skill
from app.answering.skill_in_force import SkillInForce
from app.asking.asker import load_asker
from app.engine.embedder import EMBEDDED, Embedder, WheelEmbedder, load_embedder
from app.engine.engine import Engine
from app.engine.local_engine import LocalEngine
from app.engine.member_cache import MemberCache
from app.engine.scheduler import Scheduler
from app.errors import CommandError
from app.parsing.sandbox import ParserSandbox
from app.resources.database import open_database
from app.service.service import Service
from app.settings import Settings
from app.telemetry import logs
from app.telemetry.engine_state import EngineState
from app.telemetry.telemetry import Telemetry
from app.training.requests import TrainingRequests
from app.training.trial import Trial
from app.training.worker import Worker
from app.transfer.desk import Desk, LocalDesk
from store.database import Database
from store.errors import BucketUnreachableError
from store.search.index import PassageIndex
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches

Tell = Callable[[str], None]


def start(settings: Settings, llm: Future[FrozenLLM], tell: Tell) -> Service:
    """Build the service of this process, which does nothing else.

    Raises what `build` does.
    """
    logs.configure(settings.log_level, settings.log_format)
    return build(settings, llm, tell=tell)


def build(
    settings: Settings,
    llm: FrozenLLM | Future[FrozenLLM],
    embedder: Embedder | None = None,
    skill: LoadedSkill | None = None,
    tell: Tell = lambda _: None,
) -> Service:
    """Open the store, load what is not handed in, and start the worker; `tell` is told what goes on.

    The LLM may be one that is still being loaded: it is waited for when it is needed.
    Raises CommandError with one line when the LLM, the embedder, the database or the bucket cannot be had.
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
    index = open_index(settings, database, voting, tell)
    tell("takes up the skill")
    loaded = equipped_llm(settings, database, llm, skill)
    telemetry = Telemetry()
    telemetry.figures.read(EngineState(loaded.scheduler, loaded.engine, loaded.members))
    worker = Worker(
        database,
        loaded.scheduler,
        index,
        loaded.members,
        loaded.skill,
        Trial(llm, loaded.skill, Retrieval(database, index), voting),
        microbatches=Microbatches(llm.device, settings.pass_tokens, loaded.scheduler.asked_lately),
        keep_versions=settings.keep_versions,
        folder=settings.data_dir / "workers",
        asker=load_asker(settings.asker, llm),
        watch=telemetry.attempt,
    )
    if settings.trains:
        worker.start()
    desk = LocalDesk(database, loaded.members, loaded.scheduler)
    return put_together(settings, database, index, voting, loaded, desk, telemetry, worker)


@dataclass(frozen=True)
class AnsweringLLM:
    """An LLM that answers, and what answers with it; the LLM may work in another process than its engine."""

    scheduler: Scheduler
    members: MemberCache
    skill: SkillInForce
    engine: Engine


@dataclass(frozen=True)
class EquippedLLM(AnsweringLLM):
    """One that works in this process, with its skill."""

    skill: LoadedSkill
    engine: LocalEngine


def equipped_llm(
    settings: Settings, database: Database, llm: FrozenLLM, skill: LoadedSkill | None = None
) -> EquippedLLM:
    """The LLM with the skill in force, or with the one handed in, which it is equipped with already.

    Raises CommandError where the LLM cannot read the skill, or the bucket that has it cannot be reached.
    """
    scheduler, members = Scheduler(llm), MemberCache(database, llm)
    try:
        skill = skill or active_skill(database, llm, fold=settings.fold_skill)
    except BucketUnreachableError as error:
        raise CommandError(str(error)) from error
    engine = LocalEngine(scheduler, members, skill=skill.skill, most_bytes=settings.context_bytes)
    return EquippedLLM(scheduler, members, skill, engine)


def open_index(
    settings: Settings, database: Database, embedder: Embedder, tell: Tell = lambda _: None
) -> PassageIndex:
    """The index in the settings' folder, which follows the database from now on; with the settings' embedder,
    where that is another than the embedded one, `embedder`.
    """
    searching = embedder if settings.embedder == EMBEDDED else load_embedder(settings)
    tell("opens the index")
    index = PassageIndex(
        database, settings.index_dir, searching, searching.name, embed_questions=searching.questions
    )
    index.follow()  # nobody waits for it but questions about books that it lacks
    return index


def put_together(
    settings: Settings,
    database: Database,
    index: PassageIndex,
    voting: Embedder,
    llm: AnsweringLLM,
    desk: Desk,
    telemetry: Telemetry,
    worker: Worker | None = None,
) -> Service:
    """The service of these parts, which compares answers by `voting`."""
    # On a GPU a batch of all passages takes no longer than one of few.
    waves = WAVES if llm.engine.on_cpu else ()
    ensemble = PerPassage(llm.engine, llm.skill, voting, waves=waves)
    answering = Answering(database, Retrieval(database, index), llm.engine, ensemble, telemetry.answered)
    return Service(
        settings=settings,
        database=database,
        index=index,
        scheduler=llm.scheduler,
        members=llm.members,
        skill=llm.skill,
        engine=llm.engine,
        answering=answering,
        desk=desk,
        training=TrainingRequests(
            database,
            llm.members,
            llm.scheduler.llm,
            float(settings.budget_seconds),
            settings.max_queued_jobs,
        ),
        parser=ParserSandbox(
            settings.parse_seconds, settings.parse_memory_bytes, settings.max_book_characters
        ),
        telemetry=telemetry,
        worker=worker,
    )
