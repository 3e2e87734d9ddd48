"""How PostgreSQL is spoken: one writer at a time as on SQLite, what it cannot keep, what its errors mean."""

from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from store.errors import (
    DamagedDatabaseError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreUnreachableError,
)

# Any number that no other program in the same database locks: "book" in ASCII.
_WRITER = 0x626F6F6B
# lock_not_available, serialization_failure, deadlock_detected, query_canceled, too_many_connections
_BUSY = ("55P03", "40001", "40P01", "57014", "53300")
_FULL = ("53100",)
# Exceptions of a connection, of who may connect and to what, and of a server that starts or stops.
_UNREACHABLE = ("08", "28", "3D", "57P")
_DAMAGED = ("XX001", "XX002")


def connect(address: URL, busy_timeout_s: float, **options: Any) -> Engine:
    """An engine whose transactions read, or write when its option `writes` is set.

    A writer takes one lock at its start and holds it to its end. Numbers then have no gaps and no row is
    made twice, and ids come to be seen in their order, which readers of events and the index rely on.
    StoreUnreachableError: the driver is not installed. ValueError: the URL asks for another one.
    """
    if address.drivername not in ("postgresql", "postgresql+psycopg"):
        raise ValueError(f"PostgreSQL is spoken through psycopg: postgresql://..., not {address.drivername}.")
    waits = {} if "connect_timeout" in address.query else {"connect_timeout": max(2, round(busy_timeout_s))}
    try:
        # A server that was started again is noticed here, and not by the caller.
        engine = create_engine(address, connect_args=waits, pool_pre_ping=True, **options)
    except ImportError as error:
        raise StoreUnreachableError(
            "PostgreSQL needs a driver that is not installed: pip install 'bookchorus[postgres]'"
        ) from error

    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        _let_nul_pass(connection)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writes", False):
            wait = f"SET LOCAL lock_timeout = {max(1, round(busy_timeout_s * 1000))}"
            connection.exec_driver_sql(f"{wait}; SELECT pg_advisory_xact_lock({_WRITER})")

    return engine


def reader(engine: Engine) -> Engine:
    """The engine of transactions that only read, and see one state of the database."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def meaning(error: DBAPIError) -> StoreError | None:
    """What an error of the driver means, where it is not a defect."""
    code = getattr(error.orig, "sqlstate", None) or ""
    if code in _BUSY:
        return StoreBusyError(
            "Another process is writing to the database, or all its connections are in use."
        )
    if code in _FULL:
        return StoreFullError("There is no room left for the database.")
    if code in _DAMAGED:
        return DamagedDatabaseError(f"The database is damaged: {_first_line(error)}. Restore a backup.")
    # Without a code the server was not heard at all.
    if code.startswith(_UNREACHABLE) or (not code and type(error.orig).__name__ == "OperationalError"):
        return StoreUnreachableError(f"The database cannot be reached: {_first_line(error)}.")
    return None


def last_id(connection: Connection, table: Table) -> int:
    """The last id that a table's counter has given, 0 before the first."""
    sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": table.name})
    last: int = connection.scalar(text(f"SELECT last_value FROM {sequence} WHERE is_called")) or 0
    return last


def set_last_id(connection: Connection, table: Table, last: int) -> None:
    """Let a table's counter go on behind `last`."""
    connection.execute(
        text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :next, false)"),
        {"name": table.name, "next": last + 1},
    )


def _let_nul_pass(connection: DBAPIConnection) -> None:
    """Write U+FFFD for each NUL, which PostgreSQL keeps in no text: as many characters, so offsets stay."""
    from psycopg.types.string import StrDumperUnknown

    class Text(StrDumperUnknown):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))

    connection.adapters.register_dumper(str, Text)


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0].strip().rstrip(".")
