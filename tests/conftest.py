from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from app.answering.skill import LoadedSkill
from app.answering.weighting import Weighting
from store.database import Database
from tests import postgres, tiny
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.skill.skill import initial_skill

# A tiny model gains nothing from more threads, and they wait for one another where others want the cores.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """A PostgreSQL server; tests that ask for it are skipped where the programs of one are not installed."""
    binaries = postgres.programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: no initdb in /usr/lib/postgresql/*/bin")
    with postgres.running(binaries) as server:
        yield server


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite database."""
    database = Database(f"sqlite:///{tmp_path / 'bookchorus.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def llm(tiny_folder: Path) -> FrozenLLM:
    return load(str(tiny_folder), device="cpu", dtype="float32", cache_dir=tiny_folder.parent)


@pytest.fixture(scope="session")
def skill(llm: FrozenLLM) -> LoadedSkill:
    """The hand-written instruction as the tiny LLM reads it, and a weighting made up for tests."""
    prefix = initial_skill(llm)
    weighting = Weighting(answerable=1.0, retrieval=1.0, log_likelihood=1.0)
    return LoadedSkill(prefix, prefix.to_bytes(), weighting, recipe={}, data={}, metrics={})
