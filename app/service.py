"""The service's object graph, made once from the settings: store, engine, worker, answering."""

from dataclasses import dataclass

from app.answering.per_passage import WAVES, Ensemble
from app.answering.pipeline import Answering
from app.answering.shared_context import Together
from app.answering.skill import active
from app.engine.embedder import Embedder
from app.engine.engine import Engine
from app.engine.member_cache import Choruses
from app.errors import CommandError
from app.parsing.sandbox import Parser
from app.resources import open_database
from app.settings import Settings
from app.training.worker import Worker
from store.database import Database
from store.search.index import PassageIndex
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import ModelUnavailableError, load
from trainer.llm.microbatches import Microbatches


@dataclass(frozen=True)
class Service:
    """Everything that one process runs."""

    settings: Settings
    database: Database
    index: PassageIndex
    engine: Engine
    choruses: Choruses
    worker: Worker
    answering: Answering
    parser: Parser

    def close(self) -> None:
        """Give the running job back, end the threads, close the database."""
        self.worker.close()
        self.engine.close()
        self.database.close()


def build(settings: Settings, llm: FrozenLLM | None = None, embedder: Embedder | None = None) -> Service:
    """Open the store, load what is not handed in, and start the worker.

    Raises CommandError with one line when the LLM, the embedder or the database cannot be had.
    """
    database = open_database(settings)  # before the LLM, which takes longer to load than an error to be read
    llm = llm or load_llm(settings)
    embedder = embedder or Embedder()
    index = PassageIndex(database, settings.index_dir, embedder, embedder.name)
    index.refresh()
    engine = Engine(llm)
    choruses = Choruses(database, llm)
    skill = active(database, llm)
    batches = Microbatches(llm.device, settings.pass_tokens)
    worker = Worker(database, engine, choruses, skill, batches=batches, keep_versions=settings.keep_versions)
    worker.start()
    # On a GPU a batch of all takes no longer than one of few.
    panel = (
        Together(engine, embedder)
        if skill is None
        else Ensemble(engine, skill, embedder, waves=WAVES if llm.device.type == "cpu" else ())
    )
    answering = Answering(database, index, engine, choruses, panel)
    parser = Parser(settings.parse_seconds, settings.parse_memory_bytes)
    return Service(settings, database, index, engine, choruses, worker, answering, parser)


def load_llm(settings: Settings) -> FrozenLLM:
    """The LLM that the settings name. Raises CommandError with one line when it cannot be had."""
    try:
        return load(
            settings.model,
            revision=settings.revision,
            quantization=settings.quantization,
            device=settings.device,
            dtype=settings.dtype,
            int8_threshold=settings.int8_threshold,
            quantization_skip=settings.skipped_modules,
            checkpointing=settings.checkpointing,
            cache_dir=settings.cache_dir,
        )
    except ModelUnavailableError as error:
        names = "BOOKCHORUS_MODEL, BOOKCHORUS_DEVICE, BOOKCHORUS_CHECKPOINTING"
        raise CommandError(f"{error} (The settings are {names}.)") from error
