"""A trial as the service makes it, for tests that learn without a service."""

from pathlib import Path

from app.answering.retrieval import Retrieval
from app.answering.skill import LoadedSkill
from app.training.trial import Trial
from store.database import Database
from store.search.index import PassageIndex
from tests.store.conftest import Embedder
from trainer.llm.frozen_llm import FrozenLLM


def trial(database: Database, llm: FrozenLLM, skill: LoadedSkill, folder: Path) -> Trial:
    """A trial whose index is in the folder."""
    embedder = Embedder()
    index = PassageIndex(database, folder / "index", embedder, embedder.name)
    return Trial(llm, skill, Retrieval(database, index), embedder)
