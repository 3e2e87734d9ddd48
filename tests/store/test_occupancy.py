"""Fault 37: no backup is put into a database that a process lives on, and none starts to meanwhile."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.backup import backup, restore
from store.database import Database
from store.errors import InUseError, StoreBusyError
from store.tables import Book
from tests.postgres import Server
from tests.store.conftest import postgresql_only

LIVES = """
import sys
from store.database import Database
database = Database(sys.argv[1])
database.occupy()
with database.read() as session:
    session.connection()
print("lives", flush=True)
sys.stdin.read()
"""


@contextmanager
def living(url: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", LIVES, url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"lives\n"
        yield process
        process.kill()


def test_37_restore_is_refused_until_all_that_live_there_are_gone(
    url: str, database: Database, tmp_path: Path
) -> None:
    backup(database, tmp_path / "kept.db")
    with living(url) as one, living(url) as two:
        for left in ([one, two], [two]):
            with pytest.raises(InUseError, match="stop the service") as refused:
                restore(database, tmp_path / "kept.db", force=True)
            told = {name.split()[1] for name in refused.value.holders}
            assert told == {str(process.pid) for process in left}
            # However it ends: what is left of it says nothing.
            left[0].kill()
            left[0].wait()
        restored(database, tmp_path / "kept.db")


def restored(database: Database, file: Path) -> None:
    """Restore, once the database's server has noticed that a client was killed."""
    for _ in range(10_000):
        try:
            restore(database, file, force=True)
            return
        except InUseError:
            continue
    raise AssertionError("it is in use by nobody")


def test_whoever_closes_it_lives_there_no_more(url: str, database: Database, tmp_path: Path) -> None:
    backup(database, tmp_path / "kept.db")
    other = Database(url)
    other.occupy()
    other.schema_revision()
    with pytest.raises(InUseError):
        restore(database, tmp_path / "kept.db", force=True)
    other.close()
    restored(database, tmp_path / "kept.db")
    # And whoever only reads or writes does not keep anybody from it.
    with other.read() as session:
        session.connection()
        restore(database, tmp_path / "kept.db", force=True)
    other.close()


def test_nobody_begins_to_live_there_while_a_backup_is_restored(
    url: str, database: Database, tmp_path: Path, add_book: Callable[..., Book]
) -> None:
    with database.write() as session:
        add_book(session, "One.")
    backup(database, tmp_path / "kept.db")
    newcomer = Database(url)

    def told() -> None:
        with pytest.raises(StoreBusyError):
            begins(newcomer)
        newcomer.close()

    calls: list[object] = []

    def progress(*each: object) -> None:
        told()
        calls.append(each)

    restore(database, tmp_path / "kept.db", force=True, on_progress=progress)
    assert calls
    begins(newcomer)
    newcomer.close()


def begins(newcomer: Database) -> None:
    newcomer.occupy()
    newcomer.schema_revision()


@postgresql_only
def test_a_server_that_was_away_is_lived_on_again(
    url: str, database: Database, tmp_path: Path, server: Server
) -> None:
    backup(database, tmp_path / "kept.db")
    other = Database(url)
    other.occupy()
    other.schema_revision()
    with server.refusing(url):
        pass
    assert other.schema_revision()
    with pytest.raises(InUseError):
        restore(database, tmp_path / "kept.db", force=True)
    other.close()
