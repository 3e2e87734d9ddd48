from __future__ import annotations

import os
import shlex
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import postgres
from tests.warm import commands

# The process in which xdist hands out tests runs none: it shall not spend its start on importing torch.
if TYPE_CHECKING:
    from app.answering.skill import LoadedSkill
    from store.database import Database
    from trainer.llm.frozen_llm import FrozenLLM

# Before torch is imported, here and in the processes that tests start: a tiny model gains nothing from more
# threads, and they wait for one another where others want the cores.
os.environ["OMP_NUM_THREADS"] = "1"

SLOW = ("trainer", "service", "faults", "skill_training", "properties", "training", "evaluation")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.add_cleanup(commands.start())
        if getattr(config.option, "tx", None):
            forked = shlex.join(commands.python(imported="tests"))
            config.option.tx = [f"popen//python={forked}"] * len(config.option.tx)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was logged may hold half a character, which xdist cannot send from one process to another."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow rooms first, so that no process is left alone with one at the end."""

    def turn(item: pytest.Item) -> int:
        return next((turn for turn, room in enumerate(SLOW) if room in item.nodeid.split("/")), len(SLOW))

    items.sort(key=turn)


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
    """An empty SQLite database with all tables."""
    from tests.databases import new_database

    database = new_database(tmp_path / "bookchorus.db")
    yield database
    database.close()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests import tiny

    return tiny.save(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def llm(tiny_folder: Path) -> FrozenLLM:
    from trainer.llm.loading import load

    return load(str(tiny_folder), device="cpu", dtype="float32", cache_dir=tiny_folder.parent)


@pytest.fixture(scope="session")
def skill(llm: FrozenLLM) -> LoadedSkill:
    """The hand-written instruction as the tiny LLM reads it, and a weighting made up for tests."""
    from app.answering.skill import LoadedSkill
    from app.answering.weighting import Weighting
    from trainer.skill.skill import initial_skill

    prefix = initial_skill(llm)
    weighting = Weighting(answerable=1.0, retrieval=1.0, log_likelihood=1.0)
    return LoadedSkill(prefix, prefix.to_bytes(), weighting, recipe={}, data={}, metrics={})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--examples", type=int, default=2, help="random calls of each route in tests/service/test_contract.py"
    )
