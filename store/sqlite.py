"""The SQLite dialect: settings that are off by default, its transactions, and what its errors mean."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from random import uniform
from sqlite3 import (
    SQLITE_BUSY,
    SQLITE_CANTOPEN,
    SQLITE_CORRUPT,
    SQLITE_FULL,
    SQLITE_LOCKED,
    SQLITE_NOTADB,
    OperationalError,
)
from sqlite3 import Error as DriverError
from time import monotonic, sleep
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from store import file_lock
from store.errors import (
    DamagedDatabaseError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreUnreachableError,
)


def connect(address: URL, busy_timeout_s: float, **options: Any) -> Engine:
    """Return an engine. Its transactions read; with its option `writes` they may write too.

    Python's driver begins a transaction only before INSERT, UPDATE and DELETE: reads would not be repeatable,
    DDL would not be transactional, and a reader that begins to write could fail without waiting. Therefore
    the engine begins each transaction itself. ValueError: the URL names no file.
    """
    if address.database in (None, "", ":memory:"):
        raise ValueError("SQLite needs a file: each connection would see its own in-memory database.")
    engine = create_engine(address, connect_args={"timeout": busy_timeout_s}, **options)

    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        _write_ahead(cursor, busy_timeout_s)
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def read_only(engine: Engine) -> Engine:
    """Return the engine for transactions that only read."""
    return engine


def translate_error(error: DBAPIError) -> StoreError | None:
    """Return our error for one of the driver's; None if it is a defect."""
    return _translate(error.orig)


def occupy(engine: Engine) -> Callable[[], None]:
    """Say that this process lives on the database, until what is returned is called or the process ends.

    StoreBusyError: it is being restored. OSError: there are no locks in its folder.
    """
    return partial(os.close, file_lock.share(_lock(engine)))


def unoccupied(engine: Engine) -> AbstractContextManager[None]:
    """Let nobody live on the database while the context lasts. InUseError: somebody does."""
    return file_lock.alone(_lock(engine))


def holders(engine: Engine) -> list[str]:
    """Who lives on the database, where the system tells."""
    return file_lock.holders(_lock(engine))


def last_id(connection: Connection, table: Table) -> int:
    """Return the last id that a table's counter has given, 0 before the first."""
    query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    return connection.scalar(query, {"name": table.name}) or 0


def set_last_id(connection: Connection, table: Table, last: int) -> None:
    """Set a table's counter so that the next id is `last` + 1."""
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
    connection.execute(
        text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"),
        {"name": table.name, "last": last},
    )


def copy_database(engine: Engine, path: Path) -> None:
    """Copy the database, as it is at one moment, into one new file without a write-ahead log."""
    connection = engine.raw_connection()  # VACUUM cannot run in a transaction
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only = OFF")
        cursor.execute("VACUUM INTO ?", (str(path),))
        cursor.close()
    except DriverError as error:
        translated = _translate(error)
        if translated is None:
            raise
        raise translated from error
    finally:
        connection.close()


def _lock(engine: Engine) -> Path:
    """The file that is locked: never the database's own, whose locks are SQLite's."""
    return Path(f"{engine.url.database}.lock")


def _write_ahead(cursor: DBAPICursor, busy_timeout_s: float) -> None:
    """Put the file into write-ahead mode, in which readers and the writer do not wait for each other.

    The file stays in that mode. If two connections switch a new file at once, SQLite fails both without
    waiting: each tries again after a random pause.
    """
    deadline = monotonic() + busy_timeout_s
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except OperationalError as error:
            if error.sqlite_errorcode & 0xFF != SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(uniform(0.001, 0.02))


def _translate(error: BaseException | None) -> StoreError | None:
    # The low byte is the primary code; the rest tells kinds of it apart (SQLITE_BUSY_SNAPSHOT, ...).
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (SQLITE_BUSY, SQLITE_LOCKED):
        return StoreBusyError("Another process is writing to the database.")
    if code == SQLITE_FULL:
        return StoreFullError("There is no room left for the database.")
    if code == SQLITE_CANTOPEN:
        return StoreUnreachableError(f"The database cannot be opened: {error}.")
    if code in (SQLITE_CORRUPT, SQLITE_NOTADB):
        return DamagedDatabaseError(f"The database is damaged: {error}. Restore a backup.")
    return None
