import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from store import artifacts, books, jobs, revisions
from store.database import Database
from store.errors import (
    DamagedDatabaseError,
    NotFoundError,
    StoreBusyError,
    StoreFullError,
    StoreUnreachableError,
    UnknownSchemaError,
)
from store.passages import passages_of_book
from store.tables import Artifact, Base, Book, Chapter
from tests.postgres import Server
from tests.store.conftest import postgresql_only, sqlite_only


def test_the_migrations_make_the_tables_the_code_uses(database: Database) -> None:
    with database.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_foreign_keys_delete_in_the_database_as_in_the_code(database: Database) -> None:
    # Alembic's comparison does not look at what happens on delete, nor at primary keys.
    with database.read() as session:
        found = inspect(session.connection())
        for table in Base.metadata.sorted_tables:
            assert found.get_pk_constraint(table.name)["constrained_columns"] == [
                column.name for column in table.primary_key
            ]
            wanted = {
                tuple(key.column_keys): (key.ondelete or "NO ACTION") for key in table.foreign_key_constraints
            }
            actual = {
                tuple(key["constrained_columns"]): key["options"].get("ondelete", "NO ACTION")
                for key in found.get_foreign_keys(table.name)
            }
            assert actual == wanted, table.name


@sqlite_only
def test_an_id_that_must_not_come_twice_does_not(database: Database) -> None:
    with database.read() as session:
        for table in Base.metadata.sorted_tables:
            made = session.scalar(
                text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table.name}
            )
            wants = table.dialect_options["sqlite"]["autoincrement"]
            assert ("AUTOINCREMENT" in str(made)) == wants, table.name


def test_two_processes_that_start_at_once_migrate_once(empty_url: str) -> None:
    together = Barrier(2)

    def start() -> int:
        database = Database(empty_url)
        together.wait()
        database.migrate()
        database.migrate()
        with database.read() as session:
            found = len(list(session.scalars(text("SELECT version_num FROM alembic_version"))))
        database.close()
        return found

    with ThreadPoolExecutor(2) as pool:
        assert [made.result() for made in [pool.submit(start), pool.submit(start)]] == [1, 1]


def test_connections_to_a_new_file_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    together = Barrier(2)

    def mode(address: str) -> str:
        database = Database(address)
        together.wait()
        with database.read() as session:
            found = str(session.scalar(text("PRAGMA journal_mode")))
        database.close()
        return found

    with ThreadPoolExecutor(2) as pool:
        for number in range(40):  # SQLite fails about one time in twenty
            address = f"sqlite:///{tmp_path / str(number)}.db"
            assert list(pool.map(mode, [address] * 2)) == ["wal"] * 2


def test_a_database_of_a_newer_release_is_refused(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UnknownSchemaError, match="newer release"):
        database.migrate()


def test_sqlite_in_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a file"):
        Database("sqlite://")


@sqlite_only
def test_the_file_is_in_write_ahead_mode(database: Database) -> None:
    with database.read() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"


def test_an_error_in_a_write_takes_all_of_it_back(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            artifacts.put(session, b"gone")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as session:
        assert session.scalar(select(Artifact.sha256)) is None


def test_foreign_keys_are_enforced(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(
            insert(Chapter), [{"book_id": "book_none", "ordinal": 0, "title": "", "start": 0, "end": 1}]
        )


def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"), database.read() as session:
        artifacts.put(session, b"no")
    with database.write() as session:
        artifacts.put(session, b"yes")


def test_a_read_sees_one_state_of_the_database(database: Database) -> None:
    with database.read() as session:
        assert session.scalar(select(Artifact.sha256)) is None
        with database.write() as writer:
            artifacts.put(writer, b"new")
        assert session.scalar(select(Artifact.sha256)) is None
    with database.read() as session:
        assert session.scalar(select(Artifact.sha256)) is not None


def test_what_was_read_can_be_used_after_the_transaction(
    database: Database, add_book: Callable[..., Book]
) -> None:
    with database.write() as session:
        added = add_book(session, "CHAPTER I\n\nOnce upon a time.")
    with database.read() as session:
        read = books.get(session, added.id)
    assert [chapter.title for chapter in added.chapters] == [chapter.title for chapter in read.chapters]
    assert read.aliases == added.aliases == {}


def test_a_write_lock_held_past_the_timeout(url: str, database: Database) -> None:
    hasty = Database(url, busy_timeout_s=0.05)
    with database.write() as session:
        artifacts.put(session, b"first")
        with pytest.raises(StoreBusyError), hasty.write():
            pytest.fail("two writers at once")
        with hasty.read() as reader:  # readers do not wait for writers
            assert reader.scalar(select(Artifact.sha256)) is None
    with hasty.write() as session:
        artifacts.put(session, b"second")
    with hasty.read() as session:
        assert len(list(session.scalars(select(Artifact.sha256)))) == 2
    hasty.close()


def test_every_connection_in_use(url: str) -> None:
    database = Database(url, busy_timeout_s=0.05)
    held = [database.engine.connect() for _ in range(15)]
    with pytest.raises(StoreBusyError, match="connection"), database.write():
        pytest.fail("a sixteenth connection")
    for connection in held:
        connection.close()
    database.close()


@sqlite_only
def test_no_room_left(database: Database) -> None:
    with database.write() as session:
        session.execute(text("PRAGMA max_page_count = 80"))  # of the one connection in the pool
    with pytest.raises(StoreFullError), database.write() as session:
        artifacts.put(session, bytes(10_000_000))
    with database.read() as session:
        assert session.scalar(select(Artifact.sha256)) is None


@postgresql_only
@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("53100", StoreFullError),  # disk_full
        ("53300", StoreBusyError),  # too_many_connections
        ("40P01", StoreBusyError),  # deadlock_detected
        ("XX001", DamagedDatabaseError),  # data_corrupted
        ("57P01", StoreUnreachableError),  # admin_shutdown
    ],
)
def test_what_the_server_says_is_told_in_our_words(
    database: Database, code: str, meaning: type[Exception]
) -> None:
    with pytest.raises(meaning), database.write() as session:
        session.execute(
            text(f"DO $$ BEGIN RAISE EXCEPTION 'as the server would' USING ERRCODE = '{code}'; END $$")
        )


@postgresql_only
def test_a_server_that_ends_our_connections_is_found_again(url: str, database: Database) -> None:
    with database.write() as session:
        artifacts.put(session, b"before")
    other = Database(url)
    with other.write() as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    other.close()
    with database.read() as session:
        assert session.scalar(select(Artifact.size)) == 6


@postgresql_only
def test_a_table_that_somebody_else_locks(url: str, database: Database) -> None:
    hasty = Database(url, busy_timeout_s=0.05)
    with database.engine.begin() as other:
        other.execute(text("LOCK TABLE artifacts IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(StoreBusyError), hasty.write() as session:
            artifacts.put(session, b"never")
    hasty.close()


def test_a_database_that_is_not_there(server: Server, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("This is no database. " * 100)
    for address, meaning, words in (
        ("postgresql://me:secret@127.0.0.1:9/books", StoreUnreachableError, "127.0.0.1"),
        (server.url("nowhere"), StoreUnreachableError, '"nowhere" does not exist'),
        (server.url("postgres").replace("bookchorus@", "stranger@"), StoreUnreachableError, "stranger"),
        (f"sqlite:///{tmp_path / 'none' / 'store.db'}", StoreUnreachableError, "unable to open"),
        (f"sqlite:///{tmp_path / 'notes.txt'}", DamagedDatabaseError, "not a database"),
    ):
        database = Database(address)
        with pytest.raises(meaning, match=words) as caught:
            database.migrate()
        assert len(str(caught.value).splitlines()) == 1
        assert "secret" not in str(caught.value)
        database.close()


@pytest.mark.parametrize("url", ["books.db", "mysql://host/books", "postgresql+psycopg2://host/books", ""])
def test_an_address_of_no_database_that_is_known(url: str) -> None:
    with pytest.raises(ValueError, match="postgresql://"):
        Database(url)


def test_without_the_driver_it_says_what_to_install() -> None:
    script = """
import sys
sys.modules["psycopg"] = None
from store.database import Database
from store.errors import StoreUnreachableError
try:
    Database("postgresql://host/books")
except StoreUnreachableError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install 'bookchorus[postgres]'" in done.stdout


def test_a_nul_in_a_text_or_in_what_is_looked_for(database: Database, add_book: Callable[..., Book]) -> None:
    with database.write() as session:
        book = add_book(session, "One\0two.", title="Nul\0")
        jobs.enqueue(session, book_id=book.id, recipe={"note": "a\0b"})
    with database.read() as session:
        [passage] = passages_of_book(session, book.id)
        text = revisions.text(session, book.id)
        assert text.replace("\N{REPLACEMENT CHARACTER}", "\0") == "One\0two."
        assert passage.text == text[passage.start : passage.end]
        assert [job.recipe for job in jobs.list_jobs(session)[0]] == [{"note": "a\0b"}]
        with pytest.raises(NotFoundError):
            books.get(session, "book\0")


def test_writers_at_once_see_what_the_others_wrote(url: str) -> None:
    database = Database(url, busy_timeout_s=60)
    together = Barrier(4, timeout=60)

    def write(_: int) -> None:
        for number in range(20):
            together.wait()
            with database.write() as session:  # one of the four inserts a row, three find it
                artifacts.put(session, f"{number}".encode())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    with database.read() as session:
        assert len(session.scalars(select(Artifact.sha256)).all()) == 20
    database.close()


def test_times_come_back_as_they_were_in_utc(database: Database) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=5)))
    with database.write() as session:
        session.add(Artifact(sha256="0" * 64, size=0, data=b"", created_at=moment))
    with database.read() as session:
        read = session.scalar(select(Artifact.created_at))
    assert read == moment
    assert read is not None
    assert read.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a time zone"), database.write() as session:
        session.add(Artifact(sha256="0" * 64, size=0, data=b"", created_at=datetime(2026, 1, 2)))


def test_nan_is_refused_where_it_is_written(database: Database, add_book: Callable[..., Book]) -> None:
    with pytest.raises((StatementError, ValueError), match="JSON"), database.write() as session:
        jobs.enqueue(session, book_id=add_book(session, "Text.").id, recipe={"rate": float("nan")})


def test_an_error_names_what_is_missing(database: Database) -> None:
    with (
        pytest.raises(NotFoundError, match="There is no book book_none") as caught,
        database.read() as session,
    ):
        books.get(session, "book_none")
    assert (caught.value.kind, caught.value.key) == ("book", "book_none")
