import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.client import Client, ClientError
from tests import tiny
from tests.service.conftest import service
from tests.service.test_books import QUICK


@pytest.fixture(scope="module")
def learned(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service's folder with one learned book."""
    folder = tmp_path_factory.mktemp("learned")
    model = shutil.copytree(tiny_folder, folder / "model")
    with service(folder, "--model", str(model)) as client:
        added = client.add(tiny.STORY, title="Lamp", recipe=QUICK)
        assert added.job is not None
        list(client.follow(added.job.id))
    return folder


@pytest.fixture
def model(learned: Path, tiny_folder: Path) -> Iterator[Path]:
    """The LLM that it was learned on; what a test puts in its place is gone afterwards."""
    yield learned / "model"
    shutil.rmtree(learned / "model")
    shutil.copytree(tiny_folder, learned / "model")


@pytest.fixture
def folder(learned: Path, tmp_path: Path) -> Path:
    """A folder of a service of its own, with that book."""
    shutil.copytree(learned / "data", tmp_path / "data")
    return tmp_path


def kept(folder: Path) -> list[list[tuple[object, ...]]]:
    """Every version, member and artifact."""
    with sqlite3.connect(folder / "data" / "bookchorus.db") as database:
        rows = [
            database.execute(f"SELECT * FROM {each}").fetchall()
            for each in ("versions", "members", "artifacts")
        ]
    database.close()
    return rows


def answered_by_the_bare_llm(client: Client, reason: str) -> str:
    """Ask the one book there is, by itself and by its version; its id."""
    [book] = client.books()
    for name in (book.id, f"{book.id}@1"):
        # Drawn, since the likeliest that a random LLM says may be a blank, which is no answer.
        answer = client.ask("Who kept the lamp?", books=[name], temperature=1.0, samples=4, seed=1)
        assert answer.degraded is not None
        assert answer.degraded.startswith(f"other-model: {book.id}@1 was learned on another LLM: ")
        assert reason in answer.degraded
        assert answer.versions == []
        assert {each.version for vote in answer.votes for each in vote.candidates} == {None}
    [version] = client.versions()
    assert version.refused is not None
    assert reason in version.refused
    assert client.registry.version(book.id).refused == version.refused
    return book.id


def test_29_an_llm_of_another_id(folder: Path, model: Path) -> None:
    before = kept(folder)
    other = shutil.copytree(model, folder / "other")
    with service(folder, "--model", str(other)) as client:
        book = answered_by_the_bare_llm(client, f"id {model}, not {other}")
        with pytest.raises(ClientError, match="another LLM"):
            client.train(book, recipe=QUICK, parent=1)
    assert kept(folder) == before
    with service(folder, "--model", str(model)) as client:
        assert client.ask("Who?", books=[book]).versions[0].version == 1
        assert client.versions()[0].refused is None


def test_29_an_llm_of_another_revision_until_it_is_learned_again(folder: Path, model: Path) -> None:
    before = kept(folder)
    with sqlite3.connect(folder / "data" / "bookchorus.db") as database:
        database.execute("UPDATE versions SET base_model_revision = 'an older one'")
    database.close()
    with service(folder, "--model", str(model)) as client:
        book = answered_by_the_bare_llm(client, "revision an older one, not ")
        list(client.follow(client.train(book, recipe=QUICK).id))
        answer = client.ask("Who kept the lamp?", books=[book])
        assert (answer.degraded, answer.versions[0].version) == (None, 2)
        assert [version.refused is None for version in client.versions()] == [True, False]
    assert kept(folder)[2][: len(before[2])] == before[2]


def test_29_an_llm_of_another_hidden_size(folder: Path, model: Path) -> None:
    before = kept(folder)
    shutil.rmtree(model)
    tiny.save(model, hidden_size=48)
    with service(folder, "--model", str(model)) as client:
        answered_by_the_bare_llm(client, "hidden size 32, not 48")
    assert kept(folder) == before
