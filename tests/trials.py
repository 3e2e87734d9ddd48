"""A trial as the service makes it, for tests that learn without a service."""

from pathlib import Path

from app.answering.retrieval import Retrieval
from app.answering.skill import LoadedSkill
from app.training.trial import Trial
from store.database import Database
from store.search.index import PassageIndex
from tests.store.conftest import Embedder
from trainer.llm.frozen_llm import FrozenLLM


def passage_index(database: Database, folder: Path) -> PassageIndex:
    """An index in the folder."""
    embedder = Embedder()
    return PassageIndex(database, folder / "index", embedder, embedder.name)


def trial(database: Database, llm: FrozenLLM, skill: LoadedSkill, index: PassageIndex) -> Trial:
    """A trial that searches this index."""
    return Trial(llm, skill, Retrieval(database, index), Embedder())
