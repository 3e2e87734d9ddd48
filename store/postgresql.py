"""The PostgreSQL dialect: one writer at a time, as on SQLite; NUL characters; what its errors mean."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from store.errors import (
    DamagedDatabaseError,
    InUseError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreUnreachableError,
)

# The advisory lock of the writer: a number no other program in the database should use, "book" in ASCII.
_WRITER = 0x626F6F6B
# The lock that every connection of a service holds together, and a restore alone: "bool".
_OCCUPANTS = 0x626F6F6C
# lock_not_available, serialization_failure, deadlock_detected, query_canceled, too_many_connections
_BUSY = ("55P03", "40001", "40P01", "57014", "53300")
_FULL = ("53100",)
# The classes of errors of a connection, of authorization, of an unknown database, of a server that stops.
_UNREACHABLE = ("08", "28", "3D", "57P")
_DAMAGED = ("XX001", "XX002")


def connect(address: URL, busy_timeout_s: float, **options: Any) -> Engine:
    """Return an engine. Its transactions read; with its option `writes` they may write too.

    A writer holds one lock from its start to its end. Numbers then have no gaps, no row is made twice, and
    ids become visible in ascending order, which readers of events and the index rely on.
    StoreUnreachableError: the driver is not installed. ValueError: the URL names another driver.
    """
    if address.drivername not in ("postgresql", "postgresql+psycopg"):
        raise ValueError(f"PostgreSQL is spoken through psycopg: postgresql://..., not {address.drivername}.")
    waits = {} if "connect_timeout" in address.query else {"connect_timeout": max(2, round(busy_timeout_s))}
    try:
        # With pool_pre_ping, a restarted server is noticed here and does not fail the caller.
        engine = create_engine(address, connect_args=waits, pool_pre_ping=True, **options)
    except ImportError as error:
        raise StoreUnreachableError(
            "PostgreSQL needs a driver that is not installed: pip install 'bookchorus[postgres]'"
        ) from error

    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        _replace_nul(connection)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writes", False):
            wait = f"SET LOCAL lock_timeout = {max(1, round(busy_timeout_s * 1000))}"
            connection.exec_driver_sql(f"{wait}; SELECT pg_advisory_xact_lock({_WRITER})")

    return engine


def read_only(engine: Engine) -> Engine:
    """Return the engine for transactions that only read, and see one state of the database."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def translate_error(error: DBAPIError) -> StoreError | None:
    """Return our error for one of the driver's; None if it is a defect."""
    code = getattr(error.orig, "sqlstate", None) or ""
    if code in _BUSY:
        return StoreBusyError(
            "Another process is writing to the database, or all its connections are in use."
        )
    if code in _FULL:
        return StoreFullError("There is no room left for the database.")
    if code in _DAMAGED:
        return DamagedDatabaseError(f"The database is damaged: {_first_line(error)}. Restore a backup.")
    # An OperationalError without a code: the server did not answer at all.
    if code.startswith(_UNREACHABLE) or (not code and type(error.orig).__name__ == "OperationalError"):
        return StoreUnreachableError(f"The database cannot be reached: {_first_line(error)}.")
    return None


def occupy(engine: Engine) -> Callable[[], None]:
    """Say that this process lives on the database, with each connection from now on, until it is closed.

    A connection that comes while the database is restored fails as any does that finds it locked.
    """
    # Its length is the most that PostgreSQL keeps.
    name = f"process {os.getpid()} on {socket.gethostname()}".encode("ascii", "replace").decode()[:63]

    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        from psycopg.errors import LockNotAvailable

        cursor = connection.cursor()
        cursor.execute("SELECT set_config('application_name', %s, false)", (name,))
        cursor.execute(f"SELECT pg_try_advisory_lock_shared({_OCCUPANTS})")
        [held] = cursor.fetchone() or (False,)
        cursor.close()
        connection.commit()
        if not held:
            raise LockNotAvailable("a backup is being put into the database")

    return lambda: event.remove(engine, "connect", connected)


@contextmanager
def unoccupied(engine: Engine) -> Iterator[None]:
    """Let nobody live on the database while the context lasts. InUseError: somebody does."""
    # Locks of a session outlast its transactions; the connection is closed, and they with it.
    with engine.connect() as connection:
        try:
            if not connection.scalar(text(f"SELECT pg_try_advisory_lock({_OCCUPANTS})")):
                raise InUseError(_occupants(connection))
            connection.commit()
            yield
        finally:
            connection.invalidate()


def holders(engine: Engine) -> list[str]:
    """Who lives on the database."""
    with engine.connect() as connection:
        return _occupants(connection)


def _occupants(connection: Connection) -> list[str]:
    query = text(
        "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = :lock"
    )
    return [name for name in connection.scalars(query, {"lock": _OCCUPANTS}) if name]


def last_id(connection: Connection, table: Table) -> int:
    """Return the last id that a table's counter has given, 0 before the first."""
    sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": table.name})
    last: int = connection.scalar(text(f"SELECT last_value FROM {sequence} WHERE is_called")) or 0
    return last


def set_last_id(connection: Connection, table: Table, last: int) -> None:
    """Set a table's counter so that the next id is `last` + 1."""
    connection.execute(
        text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :next, false)"),
        {"name": table.name, "next": last + 1},
    )


def _replace_nul(connection: DBAPIConnection) -> None:
    """Write U+FFFD for each NUL, which PostgreSQL cannot store in a text; offsets stay the same."""
    # Imported here because the driver is an optional dependency.
    from psycopg.types.string import StrDumperUnknown

    class Text(StrDumperUnknown):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))

    connection.adapters.register_dumper(str, Text)


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0].strip().rstrip(".")
