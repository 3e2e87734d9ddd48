"""The service's object graph, made once from the settings."""

from collections.abc import Callable
from dataclasses import dataclass

from app.answering.per_passage import WAVES, PerPassage
from app.answering.pipeline import Answering
from app.answering.retrieval import Retrieval
from app.answering.skill import LoadedSkill, active_skill
from app.asking.asker import load_asker
from app.engine.embedder import Embedder
from app.engine.engine import Engine
from app.engine.member_cache import MemberCache
from app.engine.scheduler import Scheduler
from app.parsing.sandbox import ParserSandbox
from app.resources.database import open_database
from app.resources.llm import load_llm
from app.settings import Settings
from app.training.requests import TrainingRequests
from app.training.trial import Trial
from app.training.worker import Worker
from store.database import Database
from store.search.index import PassageIndex
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches


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

    def close(self) -> None:
        """Give the running job back, end the threads, close the database."""
        self.worker.close()
        self.scheduler.close()
        self.database.close()


def build(
    settings: Settings,
    llm: FrozenLLM | None = None,
    embedder: Embedder | None = None,
    skill: LoadedSkill | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Service:
    """Open the store, load what is not handed in, and start the worker; `tell` is told what goes on.

    Raises CommandError with one line when the LLM, the embedder or the database cannot be had.
    """
    tell("opens the database")
    database = open_database(settings)  # before the LLM, which takes longer to load than an error to be read
    tell(f"loads the LLM: {settings.model}")
    llm = llm or load_llm(settings)
    tell("loads the embedder")
    embedder = embedder or Embedder()
    tell("opens the index")
    index = PassageIndex(database, settings.index_dir, embedder, embedder.name)
    index.refresh()
    tell("takes up the skill")
    scheduler = Scheduler(llm)
    members = MemberCache(database, llm)
    skill = skill or active_skill(database, llm, fold=settings.fold_skill)
    engine = Engine(scheduler, members, skill=skill.skill)
    # On a GPU a batch of all passages takes no longer than one of few.
    ensemble = PerPassage(engine, skill, embedder, waves=WAVES if engine.on_cpu else ())
    retrieval = Retrieval(database, index)
    worker = Worker(
        database,
        scheduler,
        members,
        skill,
        Trial(llm, skill, retrieval, embedder),
        microbatches=Microbatches(llm.device, settings.pass_tokens, scheduler.asked_lately),
        keep_versions=settings.keep_versions,
        asker=load_asker(settings.asker, llm),
    )
    worker.start()
    return Service(
        settings=settings,
        database=database,
        index=index,
        scheduler=scheduler,
        members=members,
        skill=skill,
        engine=engine,
        answering=Answering(database, retrieval, engine, ensemble),
        training=TrainingRequests(
            database, members, llm, float(settings.budget_seconds), settings.max_queued_jobs
        ),
        worker=worker,
        parser=ParserSandbox(settings.parse_seconds, settings.parse_memory_bytes),
    )
