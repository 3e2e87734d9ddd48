"""The main job with PostgreSQL behind it, and a service whose database goes away."""

from pathlib import Path

import httpx
import pytest

from app.errors import CommandError
from tests.postgres import Server
from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.tiny import STORY


def test_a_book_is_learned_asked_and_listed_on_postgresql(
    tiny_folder: Path, tmp_path: Path, server: Server
) -> None:
    model = ("--model", str(tiny_folder))
    with server.database() as url:
        with service(tmp_path, *model, database_url=url) as client:
            added = client.add(STORY, title="Lamp", recipe=QUICK, tags=["sea"])
            assert added.job is not None
            events = list(client.follow(added.job.id))
            assert events[-1].data["kind"] == "succeeded", events[-1].message
            asked = client.ask("Who kept a green lamp?", seed=3)
            assert asked.versions[0].version == 1
            assert all(STORY[each.start : each.end] == each.text for each in asked.citations)
            [version] = client.versions()
            assert [book.title for book in client.books()] == ["Lamp"]
            assert httpx.post(f"{client.url}/admin/verify", trust_env=False).json()["whole"] is True
            assert httpx.get(f"{client.url}/books/no%00book", trust_env=False).status_code == 422
        assert not (tmp_path / "data" / "bookchorus.db").exists()
        with service(tmp_path, *model, database_url=url) as client:
            assert client.versions() == [version]
            again = client.ask("Who kept a green lamp?", seed=3)
            assert (again.answer, again.votes) == (asked.answer, asked.votes)
            httpx.delete(f"{client.url}/books/{added.book.id}", trust_env=False)
            assert client.books() == []


def test_a_database_that_is_not_there_ends_the_start_with_one_line(tiny_folder: Path, tmp_path: Path) -> None:
    url = "postgresql://me:secret@127.0.0.1:9/books"
    model = ("--model", str(tiny_folder))
    with pytest.raises(CommandError) as caught, service(tmp_path, *model, database_url=url):
        pytest.fail("it started")
    [_, begun, line] = str(caught.value).splitlines()
    assert begun.startswith("Starts: ")
    assert line.startswith("The database cannot be reached: ")
    assert "127.0.0.1" in line
    assert "secret" not in line


def test_a_database_that_goes_away_and_comes_back(tiny_folder: Path, tmp_path: Path, server: Server) -> None:
    model = ("--model", str(tiny_folder))
    with server.database() as url, service(tmp_path, *model, database_url=url) as client:
        with server.refusing(url):
            for path in ("books", "readyz"):
                answer = httpx.get(f"{client.url}/{path}", trust_env=False, timeout=60)
                # Readiness is told at once: what was known last, until the database has refused.
                while path == "readyz" and answer.status_code == 200:
                    answer = httpx.get(f"{client.url}/{path}", trust_env=False, timeout=60)
                assert answer.status_code == 503
                assert answer.json()["type"] == "/problems/store-unreachable"
                assert "retry-after" in answer.headers
        added = client.add(STORY, title="Lamp", recipe=QUICK)
        assert added.job is not None
        assert list(client.follow(added.job.id))[-1].data["kind"] == "succeeded"
