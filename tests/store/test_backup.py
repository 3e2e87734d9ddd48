import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text

from store import (
    aliases,
    artifacts,
    books,
    checkpoints,
    jobs,
    keys,
    questions,
    revisions,
    skills,
    studies,
    threads,
    versions,
    workers,
)
from store.backup import backup, restore
from store.database import Database
from store.editions import Edition
from store.errors import InvalidBackupError, NotEmptyError, UnknownSchemaError
from store.passages import passages_of_book
from store.questions import NewQuestion
from store.segmentation import ChapterSpan, PageSpan, PassageSpan
from store.tables import AuditLine, Base, Book, Embedding, Passage, Revision, Version, utcnow
from tests.store.conftest import BASE_MODEL, postgresql_only, sqlite_only


@pytest.fixture
def full(database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]) -> Database:
    """A database with rows in every table, some removed again, and a version that is another's child."""
    with database.write() as session:
        gone = add_book(session, "CHAPTER I\n\nGone. All of it.").id
        jobs.enqueue(session, book_id=gone, recipe={})
        books.delete(session, gone)
    with database.write() as session:
        book = add_book(session, "CHAPTER I\n\nOne. “Zwei”, 三!\n\nCHAPTER II\n\nFour.", tags=["b", "a"])
        skill = skills.publish(
            session,
            base_model=BASE_MODEL,
            method="prefix",
            artifact=bytes(range(256)),
            recipe={"rate": 5e-3, "z": 1, "a": [None, True, "é"]},
            data={},
            metrics={},
        )
        study = studies.put(
            session,
            book_id=book.id,
            key="k" * 64,
            base_model=BASE_MODEL,
            skill_id=skill.id,
            settings={},
            items=[{"question": "Who?"}],
        )
        first, *_ = passages_of_book(session, book.id)
        questions.record(session, book.id, 1, [NewQuestion(first, "Wer? 三", "“Zwei”", "q" * 64, "who")])
        mine = questions.add(session, book.id, NewQuestion(first, "Who?", "One.", "m" * 64))
        questions.remove(session, book.id, mine.id)
        job = jobs.enqueue(session, book_id=book.id, recipe={"seed": 2**40})
        jobs.lease(session, "worker", 60)
        workers.heard_of(session, "worker")
        checkpoints.put(session, job.id, key="c" * 64, step=3, data=b"so far")
        publish(session, book.id, b"one", b"two", job_id=job.id, skill_id=skill.id, study_id=study.id)
        for _ in range(3):
            publish(session, book.id, parent=1)
        publish(session, book.id, parent=4)
        versions.mark_damaged(session, versions.get(session, book.id, 1).id, [0])
        aliases.move(session, book.id, "good", 2, who="me", why="better")
        aliases.remove(session, book.id, "latest", who="me")
        versions.get(session, book.id, 3).pruned_at = utcnow()
        artifacts.prune(session, [])
        later = "CHAPTER I\n\nLater than before."
        spans = [ChapterSpan("CHAPTER I", 11, len(later))]
        revisions.add(
            session,
            book.id,
            Edition(later, "f" * 64, spans, [PassageSpan(0, 11, 20)], [PageSpan("iv", 0)]),
        )
        mine_too, _ = keys.add(
            session, name="Änne", role="writer", owner="three", limits=keys.Limits(1, 2, 2**40)
        )
        asked = threads.begin(session, "three", "Wer? 三", ["wer"])
        threads.add_turn(
            session,
            asked,
            question="Wer?",
            answer={"question": "Wer?", "answer": "“Zwei” \0"},
            books=[book.id],
            words=["wer", "zwei"],
        )
        session.add(
            AuditLine(who="Änne", key_id=mine_too.id, role="writer", method="POST", path="/books", status=202)
        )
        for passage in passages_of_book(session, book.id):
            session.execute(
                insert(Embedding), [{"passage_id": passage.id, "embedder": "e@1", "vector": b"\0\1\2\3"}]
            )
    assert all(rows(database).values()), "a table without a row proves nothing"
    return database


def rows(database: Database) -> dict[str, list[Any]]:
    """What a backup has: all but where the index is."""
    with database.read() as session:
        return {
            table.name: list(map(tuple, session.execute(select(table).order_by(*table.primary_key)).all()))
            for table in Base.metadata.sorted_tables
            if table.name != "index_snapshots"
        }


@pytest.fixture
def other(empty_url: str) -> Iterator[Database]:
    """A second database, without tables yet, of each kind in turn."""
    database = Database(empty_url)
    yield database
    database.close()


def test_a_backup_gives_every_row_back(full: Database, other: Database, tmp_path: Path) -> None:
    before = rows(full)
    told: list[tuple[str, int, int]] = []
    backup(full, tmp_path / "kept.db")
    restore(other, tmp_path / "kept.db", on_progress=lambda *each: told.append(each))
    assert rows(other) == before
    assert {name: done for name, done, of in told if done == of} == {
        name: len(found) for name, found in before.items()
    }
    # Not by the values that a driver gives back alone: a backup of the copy holds the same bytes.
    backup(other, tmp_path / "again.db")
    assert dumped(tmp_path / "again.db") == dumped(tmp_path / "kept.db")


def dumped(path: Path) -> list[str]:
    """The rows of a file as SQL, JSON in one way of writing it."""
    with sqlite3.connect(path) as file:
        lines = [line for line in file.iterdump() if line.startswith("INSERT")]
    file.close()
    return sorted(lines)


def test_ids_go_on_behind_the_last_that_was_given(
    full: Database, other: Database, tmp_path: Path, add_book: Callable[..., Book]
) -> None:
    def next_ids(database: Database) -> tuple[int, int]:
        with database.write() as session:
            book = add_book(session, "Another book.")
            jobs.enqueue(session, book_id=book.id, recipe={})
            [passage] = passages_of_book(session, book.id)
            return passage.id, session.scalar(select(func.max(Base.metadata.tables["job_events"].c.id))) or 0

    with full.write() as session:  # the ids of the newest rows are not given again
        session.execute(text("DELETE FROM passages"))
    backup(full, tmp_path / "kept.db")
    restore(other, tmp_path / "kept.db")
    assert next_ids(other) == next_ids(full)


def test_one_file_that_can_be_read_where_nothing_can_be_written(full: Database, tmp_path: Path) -> None:
    backup(full, tmp_path / "kept.db")
    assert sorted(path.name for path in tmp_path.glob("*kept*")) == ["kept.db"]
    with sqlite3.connect(tmp_path / "kept.db") as file:
        assert file.execute("PRAGMA journal_mode").fetchall() == [("delete",)]
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []
    file.close()


def test_a_file_that_is_there_is_kept_unless_it_is_to_be_replaced(full: Database, tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match=r"kept\.db"):
        backup(full, path)
    assert path.read_text() == "mine"
    backup(full, path, force=True)
    assert path.read_bytes().startswith(b"SQLite format 3")


@sqlite_only
def test_the_database_is_not_replaced_by_its_own_backup(full: Database, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "store.db")
    for name in ("store.db", "link.db"):
        with pytest.raises(InvalidBackupError, match="the database itself"):
            backup(full, tmp_path / name, force=True)


def test_no_half_a_backup_is_left(database: Database, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(OSError, match="directory"):
        backup(database, tmp_path / "there", force=True)
    with pytest.raises(FileNotFoundError):
        backup(database, tmp_path / "none" / "kept.db")
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert list((tmp_path / "there").iterdir()) == []


def test_a_backup_under_a_writer_is_of_one_moment(
    url: str, database: Database, add_book: Callable[..., Book], tmp_path: Path
) -> None:
    with database.write() as session:
        book = add_book(session, "A.").id
    stop, wrote = Event(), Event()
    writer = Database(url)

    def write() -> None:
        number = 1
        while not stop.is_set():
            number += 1
            data = f"{number}. ".encode() * 1000
            # The book's row, its text and its number of passages change together.
            with writer.write() as session:
                edition = Edition(
                    data.decode(),
                    f"{number:064}",
                    [ChapterSpan("", 0, len(data))],
                    [PassageSpan(0, place, place + 1) for place in range(number)],
                )
                revisions.add(session, book, edition)
            wrote.set()

    thread = Thread(target=write)
    thread.start()
    try:
        assert wrote.wait(30)
        for number in range(5):
            wrote.clear()
            backup(database, tmp_path / f"{number}.db")
            assert wrote.wait(30), "the writer went on"
    finally:
        stop.set()
        thread.join()
        writer.close()
    seen = []
    for number in range(5):
        file = Database(f"sqlite:///{tmp_path / f'{number}.db'}")
        with file.read() as session:
            found = books.get(session, book)
            assert session.scalar(select(func.count(Passage.id))) == found.passage_count == found.revision
            assert session.scalar(select(func.count(Revision.number))) == found.revision
            assert len(revisions.text(session, book)) == found.characters
            seen.append(found.revision)
        file.close()
    assert seen == sorted(seen)


def test_what_is_there_is_not_replaced_unless_it_is_to_be(
    full: Database, other: Database, tmp_path: Path, add_book: Callable[..., Book]
) -> None:
    backup(full, tmp_path / "kept.db")
    other.migrate()
    with other.write() as session:
        add_book(session, "Mine.", title="Mine")
    mine = rows(other)
    with pytest.raises(NotEmptyError, match="books"):
        restore(other, tmp_path / "kept.db")
    assert rows(other) == mine
    restore(other, tmp_path / "kept.db", force=True)
    assert rows(other) == rows(full)


def test_a_restore_that_fails_leaves_what_was_there(
    full: Database, other: Database, tmp_path: Path, add_book: Callable[..., Book]
) -> None:
    backup(full, tmp_path / "kept.db")
    other.migrate()
    with other.write() as session:
        add_book(session, "Mine.", title="Mine")
    mine = rows(other)

    def stop(table: str, *_: int) -> None:
        if table == "versions":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(other, tmp_path / "kept.db", force=True, on_progress=stop)
    assert rows(other) == mine


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[5000:9000] = bytes(4000)
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10_000])


def _text(path: Path) -> None:
    path.write_text("No backup. " * 1000)


def _other_tables(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE shopping (item TEXT)")
    file.close()


def _orphans(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("DELETE FROM versions WHERE number = 2")
    file.close()


def _misled(path: Path) -> None:
    """Change an index only, so that every row can still be read."""
    with sqlite3.connect(path) as file:
        [(key,)] = file.execute("SELECT content_key FROM books").fetchall()
    file.close()
    data = bytearray(path.read_bytes())
    place = -1
    while (place := data.find(key.encode(), place + 1)) >= 0:
        if data[place - place % 4096] == 10:  # a leaf of an index
            data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("spoil", [_flipped, _misled, _cut, _text, _other_tables, _orphans, Path.unlink])
@sqlite_only
def test_what_is_no_whole_backup_is_refused(
    full: Database, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "kept.db"
    backup(full, path)
    spoil(path)
    before = rows(full)
    with pytest.raises(InvalidBackupError, match=r"kept\.db") as caught:
        restore(full, path, force=True)
    assert len(str(caught.value).splitlines()) == 1
    assert rows(full) == before


@sqlite_only
def test_a_backup_of_a_newer_release_is_refused(full: Database, tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    backup(full, path)
    with sqlite3.connect(path) as file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
    file.close()
    with pytest.raises(UnknownSchemaError, match="newer release"):
        restore(full, path, force=True)


@postgresql_only
def test_only_tables_of_this_release_are_copied_from_a_server(full: Database, tmp_path: Path) -> None:
    with full.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0004'"))
    with pytest.raises(UnknownSchemaError, match="0004"):
        backup(full, tmp_path / "kept.db")
    assert list(tmp_path.glob("*kept*")) == []
