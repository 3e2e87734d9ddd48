"""The connection to the database and its two kinds of transaction."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from random import uniform
from sqlite3 import SQLITE_BUSY, SQLITE_FULL, SQLITE_LOCKED, OperationalError
from time import monotonic, sleep

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from store.errors import StoreBusy, StoreFull, UnknownSchema


class Database:
    """A database by URL, by default a SQLite file. Nothing connects before the first transaction."""

    def __init__(self, url: str, busy_timeout_s: float = 5.0) -> None:
        """Wait up to `busy_timeout_s` seconds for the write lock, or for a free connection.

        ValueError: the URL names SQLite without a file.
        """
        address = make_url(url)
        sqlite = address.get_backend_name() == "sqlite"
        if sqlite and address.database in (None, "", ":memory:"):
            raise ValueError("SQLite needs a file: each connection would see its own in-memory database.")
        self.engine = create_engine(
            address,
            connect_args={"timeout": busy_timeout_s} if sqlite else {},
            pool_timeout=busy_timeout_s,
            # NaN is no JSON: refused here, where it is written, and not by every later reader.
            json_serializer=partial(json.dumps, allow_nan=False, ensure_ascii=False),
        )
        self._writer = self.engine.execution_options(writes=True)
        if sqlite:
            _speak_sqlite(self.engine, busy_timeout_s)

    def migrate(self) -> None:
        """Bring the tables to this release. Safe to call from several processes at once.

        StoreBusy: another process wrote for longer than the busy timeout.
        UnknownSchema: the database belongs to a newer release.
        """
        config = Config()
        config.set_main_option("script_location", "store:migrations")
        with _own_errors(), self._writer.begin() as connection:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise UnknownSchema("The database was written by a newer release of Bookchorus.") from error

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that may write: committed at the end, rolled back on any error.

        On SQLite it holds the only write lock from its start, so what it reads cannot change under it, and
        opening a second one inside it waits for itself. StoreBusy: the lock was not to be had in time.
        StoreFull: no room on the disk.
        """
        with _own_errors(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            session.connection()  # begins now: the lock is taken before the caller reads anything
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction that sees one state of the database. On SQLite a write in it fails."""
        with _own_errors(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()


def _speak_sqlite(engine: Engine, busy_timeout_s: float) -> None:
    """Set what SQLite leaves off by default, and begin transactions ourselves.

    Python's driver begins only before INSERT, UPDATE and DELETE: reads would not be repeatable, DDL would
    not be transactional, and a reader turned writer could fail without waiting.
    """

    @event.listens_for(engine, "connect")
    def connect(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
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


def _write_ahead(cursor: DBAPICursor, busy_timeout_s: float) -> None:
    """Put the file into write-ahead mode, where readers and the writer do not wait for each other.

    The mode stays with the file. Two connections that turn a new file at once get in each other's way, and
    SQLite fails both without waiting: each tries again after a pause of its own.
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


@contextmanager
def _own_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise StoreBusy("Every connection to the database is in use.") from error
    except DBAPIError as error:
        # The low byte is the primary code; the rest says more than we need (SQLITE_BUSY_SNAPSHOT, ...).
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code in (SQLITE_BUSY, SQLITE_LOCKED):
            raise StoreBusy("Another process is writing to the database.") from error
        if code == SQLITE_FULL:
            raise StoreFull("There is no room left for the database.") from error
        raise
