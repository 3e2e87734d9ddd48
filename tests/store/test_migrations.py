import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.orm import Session

from app.training.study import same_question
from store import aliases, books, jobs, questions, revisions, skills, studies, versions
from store.backup import backup, restore
from store.database import Database
from store.migrations import NEWEST, REVISIONS
from store.tables import Base, BookTag
from tests.databases import new_database

GIVEN = {"now": "2026-01-02 03:04:05.000006", "data": b"member", "sha256": sha256(b"member").hexdigest()}

# One book with two versions, the second a child of the first, as the first release wrote them.
FIRST = """
INSERT INTO books VALUES ('book_1', 'A book', NULL, 'en', NULL, 5, 'abc', 1, :now);
INSERT INTO book_texts VALUES ('book_1', 'Text.');
INSERT INTO chapters VALUES ('book_1', 0, '', 0, 5);
INSERT INTO passages VALUES (7, 'book_1', 0, 0, 0, 5, 'Text.');
INSERT INTO embeddings VALUES (7, 'hashing@1', :data);
INSERT INTO artifacts VALUES (:sha256, 6, :data, :now);
INSERT INTO jobs VALUES ('job_1', 'train', 'book_1', '{}', NULL, 'succeeded', 1, 1, 'worker', NULL, false, 1,
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
# What was studied before questions had rows: of a book with front matter, and of one in its second text.
STUDIED = """
UPDATE chapters SET matter = 'front';
INSERT INTO chapters VALUES ('book_1', 1, '', 5, 9, 'body', NULL);
INSERT INTO passages VALUES (8, 'book_1', 1, 1, 5, 9, 'End.');
INSERT INTO books VALUES ('book_2', 'Other', NULL, NULL, NULL, 5, 'b', 1, :now, 'txt', 2);
INSERT INTO revisions VALUES ('book_2', 1, 'a', NULL, 'txt', 5, 'Texts', :now);
INSERT INTO revisions VALUES ('book_2', 2, 'b', NULL, 'txt', 5, 'Text.', :now);
INSERT INTO chapters VALUES ('book_2', 0, '', 0, 5, 'body', NULL);
INSERT INTO passages VALUES (9, 'book_2', 0, 0, 0, 5, 'Text.');
INSERT INTO artifacts VALUES ('1', 9, :told, :now, NULL);
INSERT INTO artifacts VALUES ('2', 9, :older, :now, NULL);
INSERT INTO artifacts VALUES ('3', 9, :unknown, :now, NULL);
INSERT INTO artifacts VALUES ('4', 9, :newer, :now, NULL);
INSERT INTO studies VALUES ('study_1', 'book_1', 'a', 'some/llm', NULL, NULL, '{}', '1', 4, :now);
INSERT INTO studies VALUES ('study_2', 'book_2', 'b', 'some/llm', NULL, NULL, '{}', '2', 1, :now);
INSERT INTO studies VALUES ('study_3', 'book_2', 'c', 'some/llm', NULL, NULL, '{}', '3', 1, :now);
INSERT INTO studies VALUES ('study_4', 'book_2', 'd', 'some/llm', NULL, NULL, '{}', '4', 1, :now);
INSERT INTO studies VALUES ('study_5', 'book_1', 'e', 'some/llm', NULL, NULL, '{}', :sha256, 1, :now);
INSERT INTO versions (id, book_id, number, recipe, base_model_id, hidden_size, quantization, dtype, metrics,
    created_at, revision, study_id)
    VALUES ('v_1', 'book_2', 1, '{}', 'some/llm', 8, 'none', 'float32', '{}', :now, 1, 'study_2');
INSERT INTO versions (id, book_id, number, recipe, base_model_id, hidden_size, quantization, dtype, metrics,
    created_at, revision, study_id)
    VALUES ('v_2', 'book_2', 2, '{}', 'some/llm', 8, 'none', 'float32', '{}', :now, 2, 'study_4');
"""
# What each later release could add, by its migration: rows in every table it made, and in its columns.
LATER = {
    "0002": """
INSERT INTO skills VALUES ('skill_1', 1, 'some/llm', NULL, 576, 'prefix', '{}', '{}', '{}', :sha256, 6,
    true, :now);
INSERT INTO studies VALUES ('study_1', 'book_1', 'key', 'some/llm', NULL, 'skill_1', '{}', :sha256, 2,
    :now);
UPDATE versions SET skill_id = 'skill_1', study_id = 'study_1' WHERE number = 2;
""",
    "0008": """
INSERT INTO questions VALUES ('question_1', 'book_1', 2, 0, 0, 5, 'who', 'Who?', 'Text', 'llm', 'key', 'key',
    :now, NULL, NULL);
""",
    "0009_jobs": """
INSERT INTO attempts VALUES ('job_1', 1, 'worker', 3, 'vanished', 'It stopped.', :now, :now);
INSERT INTO checkpoints VALUES ('job_1', 'key', 3, :sha256, :now);
INSERT INTO workers VALUES ('worker', :now);
""",
    "0003": "UPDATE members SET damaged_at = :now WHERE version_id = 'version_2'",
    "0004": "INSERT INTO book_tags VALUES ('book_1', 'old')",
    "0005": """
INSERT INTO pages VALUES ('book_1', 0, 'iv', 0);
INSERT INTO revisions VALUES ('book_1', 2, 'def', 'b.epub', 'epub', 5, 'Later', :now);
UPDATE books SET revision = 2, format = 'epub';
UPDATE versions SET gate = '{"better": true}', pruned_at = :now, revision = 2 WHERE number = 2;
UPDATE artifacts SET pruned_at = :now;
UPDATE jobs SET force = true;
""",
    "0010": """
INSERT INTO api_keys VALUES ('key_1', 'Anna', 'writer', 'anna', 'abc', 60, 1, 2, 3, 4, :now, :now, NULL);
INSERT INTO audit VALUES (5, :now, 'Anna', 'key_1', 'writer', 'POST', '/books', 202);
""",
    "0011_warnings": """
UPDATE revisions SET warnings = '["Page 3 is left out."]' WHERE number = 2;
UPDATE books SET warnings = '["Page 3 is left out."]';
""",
    "0013_threads": """
INSERT INTO threads VALUES ('thread_1', 'anna', NULL, '', :now);
INSERT INTO turns VALUES ('thread_1', 1, 'Who?', '{"question": "Who?"}', '["book_1"]', 20, ' who', :now);
""",
    "0014_artifact_buckets": "UPDATE artifacts SET bucket = 's3://books/library-1'",
    "0015_index_snapshots": """
INSERT INTO index_snapshots VALUES ('e@1', '3', 's3://books/index-1', '{}', '{}', :now, 'me', :now);
""",
    "0007": "INSERT INTO skill_choices VALUES (11, 'some/llm', NULL, NULL, 'user', :now)",
}
# As releases wrote them that did not say where a skill came from: of each LLM at most one is the champion.
SKILLS = """
INSERT INTO skills VALUES ('skill_a', 1, 'embedded', 'wheel', 576, 'prefix', '{}',
    '{"source": "FairytaleQA, train split (Xu et al., ACL 2022), 220 of 232 stories"}', '{}', :sha256, 6,
    false, :now);
INSERT INTO skills VALUES ('skill_b', 2, 'embedded', 'wheel', 576, 'lora', '{}',
    '{"source": "FairytaleQA, train split (Xu et al., ACL 2022), 208 of 232 stories"}', '{}', :sha256, 6,
    true, :now);
INSERT INTO skills VALUES ('skill_c', 1, 'embedded', 'later', 576, 'lora', '{}', '{"source": "train"}', '{}',
    :sha256, 6, true, :now);
INSERT INTO skills VALUES ('skill_d', 1, 'other/llm', NULL, 576, 'lora', '{}',
    '{"source": "FairytaleQA, train split (Xu et al., ACL 2022), all"}', '{}', :sha256, 6, true, :now);
INSERT INTO skills VALUES ('skill_e', 3, 'embedded', 'wheel', 576, 'lora', '{}', '{}', '{}', :sha256, 6,
    false, :now);
"""


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "store:migrations")
    config.attributes["connection"] = connection
    return config


def _write(session: Session, script: str, given: Mapping[str, object] = GIVEN) -> None:
    for statement in script.split(";\n"):
        wanted = {name: value for name, value in given.items() if f":{name}" in statement}
        if statement.strip():
            session.execute(text(statement), wanted)


def _rows(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables there are, in the order of their primary keys."""
    with database.read() as session:
        tables = MetaData()
        tables.reflect(session.connection())
        tables.remove(tables.tables["alembic_version"])
        return {
            name: [
                dict(row) for row in session.execute(table.select().order_by(*table.primary_key)).mappings()
            ]
            for name, table in tables.tables.items()
        }


def _shared(
    rows: dict[str, list[dict[str, Any]]], other: dict[str, list[dict[str, Any]]]
) -> dict[str, list[dict[str, Any]]]:
    """What both have of these rows: the tables and the columns."""
    return {
        name: [{column: row[column] for column in row if column in other[name][0]} for row in rows[name]]
        for name in rows
        if other.get(name)
    }


@pytest.fixture
def first(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    with database.write() as session:
        connection = session.connection()
        command.upgrade(_config(connection), "0001")
        _write(session, FIRST)
        there = inspect(connection).get_table_names()
        for table in Base.metadata.sorted_tables:
            if table.name in there and table.autoincrement_column is not None:
                database.dialect.set_last_id(connection, table, 10)
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
    for column in ("pruned_at", "bucket"):
        assert [artifact.pop(column) for artifact in after["artifacts"]] == [None]
    [chapter] = after["chapters"]
    assert (chapter.pop("matter"), chapter.pop("anchor")) == ("body", None)
    [book] = after["books"]
    assert (book.pop("revision"), book.pop("format"), book.pop("owner")) == (1, "txt", "local")
    assert book.pop("warnings") == []
    assert book.pop("embedder") == "hashing@1"  # its only passage has a vector
    assert book.pop("content_key") == books.content_key("local", "abc")
    [revision] = after.pop("revisions")
    [text_before] = before.pop("book_texts")
    assert revision == {
        "book_id": "book_1",
        "number": 1,
        "sha256": "abc",
        "filename": None,
        "format": "txt",
        "characters": 5,
        "bytes": 5,
        "text": text_before["text"],
        "warnings": [],
        "created_at": book["created_at"],
    }
    empty = (
        "attempts",
        "checkpoints",
        "workers",
        "skills",
        "skill_choices",
        "studies",
        "book_tags",
        "pages",
        "questions",
        "api_keys",
        "audit",
        "threads",
        "turns",
        "index_snapshots",
    )
    assert after == {**before, **{name: [] for name in empty}}


def test_the_questions_of_studies_become_rows(first: Database) -> None:
    """Those of the newest text, where that is known, by their place among the passages that are learned."""
    item = {"passage": 0, "kind": "who", "question": "Who ends?", "answer": "The end", "log_likelihood": -1.0}
    texts: dict[str, list[object]] = {
        "told": [item, {**item, "passage": 1, "question": "Nobody?"}, {**item, "question": "WHO, ends"}, 7],
        "older": [{**item, "question": "Of old?"}],
        "unknown": [{**item, "question": "Of when?"}],
        "newer": [item],
    }
    with first.write() as session:
        command.upgrade(_config(session.connection()), "0006")
        _write(session, STUDIED, GIVEN | {name: json.dumps(items).encode() for name, items in texts.items()})
    first.migrate()
    rows = sorted(_rows(first)["questions"], key=lambda row: row["book_id"])
    names = ("book_id", "revision", "passage", "start", "end", "text")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("book_1", 1, 1, 5, 9, "Who ends?"),
        ("book_2", 2, 0, 0, 5, "Who ends?"),
    ]
    for row in rows:
        assert row["id"].startswith("question_")
        assert (row["kind"], row["answer"], row["source"]) == ("who", "The end", "llm")
        assert row["key"] == row["written_key"] == same_question("Who ends?")
        assert (row["changed_at"], row["removed_at"]) == (None, None)
    with first.write() as session:
        [listed], _ = questions.list_questions(session, "book_1")
        assert listed.created_at == datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
        questions.remove(session, "book_1", listed.id)


def test_a_database_of_the_first_release_goes_on(first: Database) -> None:
    first.migrate()
    with first.write() as session:
        old = versions.get(session, "book_1", "champion")
        assert (old.number, old.job_id, versions.member_artifacts(session, old)) == (1, "job_1", [b"member"])
        assert books.get(session, "book_1").aliases == {"champion": 1}
        base_model: dict[str, Any] = {
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
        assert books.ids_in_scope(session, None, ["old"]) == ["book_1"]
    with first.write() as session:
        books.delete(session, "book_1")
    assert {name: rows for name, rows in _rows(first).items() if rows} == {}


def test_rows_of_every_release_outlive_the_releases_after_it(first: Database) -> None:
    for number in REVISIONS:
        before = _rows(first)
        with first.write() as session:
            command.upgrade(_config(session.connection()), number)
        after = _rows(first)
        assert _shared(before, after) == _shared(after, before), number
        assert set(before) - set(after) <= {"book_texts"}
        with first.write() as session:
            _write(session, LATER.get(number, ""))
    full = _rows(first)
    assert set(full) == set(Base.metadata.tables)
    assert all(full.values()), "a table without a row proves nothing"
    with first.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_skills_from_before_are_shipped_or_learned_and_the_champion_is_the_choice_of_who_brought_it(
    first: Database,
) -> None:
    with first.write() as session:
        command.upgrade(_config(session.connection()), "0006")
        _write(session, SKILLS)
    first.migrate()
    rows = _rows(first)
    assert {row["id"]: row["origin"] for row in rows["skills"]} == {
        "skill_a": "shipped",
        "skill_b": "shipped",
        "skill_c": "learned",
        "skill_d": "learned",
        "skill_e": "learned",
    }
    wanted = ("base_model_id", "base_model_revision", "skill_id", "chosen_by")
    assert sorted(tuple(row[name] for name in wanted) for row in rows["skill_choices"]) == [
        ("embedded", "later", "skill_c", "user"),
        ("embedded", "wheel", "skill_b", "package"),
        ("other/llm", None, "skill_d", "user"),
    ]
    with first.write() as session:
        skills.choose(session, "embedded", "wheel", skills.get(session, "skill_a"), "user")
        skills.choose(session, "embedded", "later", None, "user")
    with first.write() as session:
        command.downgrade(_config(session.connection()), "0006")
    champions = [row["id"] for row in _rows(first)["skills"] if row["champion"]]
    assert champions == ["skill_a", "skill_d"]


def test_a_backup_of_the_first_release_is_migrated_on_its_way_back(first: Database, tmp_path: Path) -> None:
    older = Database(f"sqlite:///{tmp_path / 'older.db'}")
    with older.write() as session:
        command.upgrade(_config(session.connection()), "0001")
        _write(session, FIRST)
    backup(older, tmp_path / "kept.db")
    older.close()
    kept = (tmp_path / "kept.db").read_bytes()
    restore(first, tmp_path / "kept.db", force=True)
    assert first.schema_revision() == NEWEST
    with first.read() as session:
        assert revisions.text(session, "book_1") == "Text."
        assert versions.get(session, "book_1", "champion").number == 1
    assert (tmp_path / "kept.db").read_bytes() == kept


def test_the_revisions_are_those_of_the_migrations(first: Database) -> None:
    with first.read() as session:
        scripts = ScriptDirectory.from_config(_config(session.connection()))
    assert [script.revision for script in scripts.walk_revisions()] == [*reversed(REVISIONS)]


def test_a_start_on_tables_of_this_release_does_without_alembic(tmp_path: Path) -> None:
    new_database(tmp_path / "kept.db").close()
    code = (
        "import sys; from pathlib import Path; from store.database import Database; "
        f"database = Database(Path({str(tmp_path / 'kept.db')!r})); database.migrate(); "
        "database.expect_current(); database.close(); print('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_every_migration_can_be_taken_back(first: Database) -> None:
    oldest = _rows(first)
    for number in REVISIONS:
        with first.write() as session:
            command.upgrade(_config(session.connection()), number)
            _write(session, LATER.get(number, ""))
    for number in REVISIONS[-2::-1]:
        before = _rows(first)
        with first.write() as session:
            command.downgrade(_config(session.connection()), number)
        after = _rows(first)
        assert _shared(before, after) == _shared(after, before), number
    assert {name: len(rows) for name, rows in _rows(first).items()} == {
        name: len(rows) for name, rows in oldest.items()
    }
    assert _rows(first)["book_texts"] == [{"book_id": "book_1", "text": "Later"}]
    first.migrate()
    assert first.schema_revision() == NEWEST
    with first.write() as session:
        command.downgrade(_config(session.connection()), "base")
        assert inspect(session.connection()).get_table_names() == ["alembic_version"]
