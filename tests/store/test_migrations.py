from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text

from store import aliases, books, jobs, studies, versions
from store.database import Database
from store.tables import BookTag

# One book with two versions, the second a child of the first, as the first release wrote them.
FIRST = """
INSERT INTO books VALUES ('book_1', 'A book', NULL, 'en', NULL, 5, 'abc', 1, :now);
INSERT INTO book_texts VALUES ('book_1', 'Text.');
INSERT INTO chapters VALUES ('book_1', 0, '', 0, 5);
INSERT INTO passages VALUES (7, 'book_1', 0, 0, 0, 5, 'Text.');
INSERT INTO embeddings VALUES (7, 'hashing@1', x'00000000');
INSERT INTO artifacts VALUES (:sha256, 6, :data, :now);
INSERT INTO jobs VALUES ('job_1', 'train', 'book_1', '{}', NULL, 'succeeded', 1, 1, 'worker', NULL, 0, 1,
    NULL, NULL, NULL, :now, :now, :now);
INSERT INTO job_events VALUES (3, 'job_1', 'message', 'info', 'Done.', '{}', :now);
INSERT INTO versions VALUES ('version_1', 'book_1', 1, '{"steps": 4}', 'some/llm', 'abc', 576, 'none',
    'float32', '{"loss": 1.5}', NULL, 'job_1', :now);
INSERT INTO versions VALUES ('version_2', 'book_1', 2, '{}', 'some/llm', NULL, 576, 'none', 'float32',
    '{}', 1, NULL, :now);
INSERT INTO members VALUES ('version_1', 0, 5, '{}', :sha256, 6);
INSERT INTO members VALUES ('version_2', 0, 5, '{}', :sha256, 6);
INSERT INTO aliases VALUES ('book_1', 'champion', 1);
INSERT INTO alias_moves VALUES (1, 'book_1', 'champion', NULL, 1, 'me', NULL, :now);
"""


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "store:migrations")
    config.attributes["connection"] = connection
    return config


def _rows(database: Database) -> dict[str, list[dict[str, Any]]]:
    with database.read() as session:
        tables = MetaData()
        tables.reflect(session.connection())
        tables.remove(tables.tables["alembic_version"])
        return {
            name: [dict(row) for row in session.execute(table.select()).mappings()]
            for name, table in tables.tables.items()
        }


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'first.db'}")
    given = {"now": "2026-01-02 03:04:05.000006", "data": b"member", "sha256": sha256(b"member").hexdigest()}
    with database.write() as session:
        command.upgrade(_config(session.connection()), "0001")
        for statement in FIRST.split(";\n"):
            wanted = {name: value for name, value in given.items() if f":{name}" in statement}
            if statement.strip():
                session.execute(text(statement), wanted)
    yield database
    database.close()


def test_a_database_of_the_first_release_keeps_every_row(first: Database) -> None:
    before = _rows(first)
    assert all(before.values()), "a table without a row proves nothing"
    first.migrate()
    after = _rows(first)
    for version in after["versions"]:
        assert (version.pop("skill_id"), version.pop("study_id")) == (None, None)
        assert (version.pop("revision"), version.pop("gate"), version.pop("pruned_at")) == (1, None, None)
        assert (version.pop("libraries"), version.pop("data")) == ({}, {})
    assert [member.pop("damaged_at") for member in after["members"]] == [None, None]
    for alias in after["aliases"]:
        [version] = [each for each in after["versions"] if each["number"] == alias["number"]]
        assert (alias.pop("version_id"), alias.pop("published_at")) == (version["id"], version["created_at"])
    assert [version.pop("state") for version in after["versions"]] == ["live", "live"]
    assert [move.pop("rollback") for move in after["alias_moves"]] == [False]
    assert [job.pop("force") for job in after["jobs"]] == [False]
    assert [artifact.pop("pruned_at") for artifact in after["artifacts"]] == [None]
    [chapter] = after["chapters"]
    assert (chapter.pop("matter"), chapter.pop("anchor")) == ("body", None)
    [book] = after["books"]
    assert (book.pop("revision"), book.pop("format")) == (1, "txt")
    [revision] = after.pop("revisions")
    [text_before] = before.pop("book_texts")
    assert revision == {
        "book_id": "book_1",
        "number": 1,
        "sha256": "abc",
        "filename": None,
        "format": "txt",
        "characters": 5,
        "text": text_before["text"],
        "created_at": book["created_at"],
    }
    assert after == {**before, "skills": [], "studies": [], "book_tags": [], "pages": []}
    with first.read() as session:
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []


def test_a_database_of_the_first_release_goes_on(first: Database) -> None:
    first.migrate()
    with first.write() as session:
        old = versions.get(session, "book_1", "champion")
        assert (old.number, old.job_id, versions.members(session, old)) == (1, "job_1", [b"member"])
        assert books.get(session, "book_1").aliases == {"champion": 1}
        base_model: versions.BaseModel = {
            "id": "some/llm",
            "revision": "abc",
            "hidden_size": 576,
            "quantization": "none",
            "dtype": "float32",
        }
        study = studies.put(
            session,
            book_id="book_1",
            key="a" * 64,
            base_model=base_model,
            skill_id=None,
            settings={},
            items=[{"question": "Who?", "answer": "The fox."}],
        )
        new = versions.publish(
            session,
            book_id="book_1",
            members=[versions.NewMember(b"new", 1)],
            recipe={},
            base_model=base_model,
            metrics={},
            parent=2,
            job_id=jobs.enqueue(session, book_id="book_1", recipe={}).id,
            who="me",
            study_id=study.id,
        )
        assert (new.number, len(aliases.history(session, "book_1"))) == (3, 3)
        session.add(BookTag(book_id="book_1", tag="old"))
        session.flush()
        assert books.fitting(session, None, ["old"]) == ["book_1"]
    with first.write() as session:
        books.delete(session, "book_1")
    assert {name: rows for name, rows in _rows(first).items() if rows} == {}


def test_the_second_migration_can_be_taken_back(first: Database) -> None:
    before = _rows(first)
    first.migrate()
    with first.write() as session:
        command.downgrade(_config(session.connection()), "0001")
    assert _rows(first) == before
    first.migrate()
    assert len(_rows(first)["versions"]) == 2
