"""Backups: all rows, as they are at one moment, in one SQLite file; restored into either kind of database."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic.migration import MigrationContext
from sqlalchemy import URL, Column, Connection, Table, create_engine, delete, func, insert, select
from sqlalchemy.exc import DatabaseError

from store import sqlite
from store.database import Database, known_schema_revisions, newest_schema_revision
from store.errors import InvalidBackupError, NotEmptyError, UnknownSchemaError
from store.progress import OnProgress, ignore_progress
from store.tables import Artifact, Base, Revision, Turn

_ROWS_PER_CHUNK = 1000
# Tables whose rows may have megabytes each.
_LARGE_ROWS_PER_CHUNK = {Revision.__tablename__: 1, Artifact.__tablename__: 10, Turn.__tablename__: 10}


def backup(
    database: Database, path: Path, *, force: bool = False, on_progress: OnProgress = ignore_progress
) -> None:
    """Write all rows, as they are at one moment, to a new file. Others may read and write meanwhile.

    The file is complete on the disk before it gets its name. `on_progress` counts the rows of each table,
    unless SQLite copies itself. FileExistsError: `path` is there already, and `force` is not set.
    InvalidBackupError: `path` is the database's own file, which is never replaced. UnknownSchemaError: a
    PostgreSQL database of another release. OSError, StoreFullError: the file cannot be written.
    """
    if database.file is not None and path.resolve() == database.file.resolve():
        raise InvalidBackupError(f"{path} is the database itself: a backup needs a file of its own.")
    if path.exists() and not force:
        raise FileExistsError(f"{path} is there already")
    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        part = Path(folder) / path.name
        if database.dialect is sqlite:
            sqlite.copy_database(database.engine, part)
        else:
            _copy_rows(database, part, on_progress)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    _sync_folder(path.parent)


def restore(
    database: Database, path: Path, *, force: bool = False, on_progress: OnProgress = ignore_progress
) -> None:
    """Put the rows of a backup into an empty database: all of them or, on any error, none.

    The tables are created, and a backup of an older release is migrated in a copy. With `force` the rows that
    are there already are replaced. Ids continue after the last one that was ever given. The passage index is
    derived, and not part of a backup. `on_progress` counts the rows of each table.

    InUseError: a service or a worker lives on the database, and would go on with what it has in memory; none
    can start meanwhile. InvalidBackupError: the file is not a backup, or is damaged. UnknownSchemaError: the
    backup or the database is of a newer release. NotEmptyError: the database has rows, and `force` is not
    set. StoreBusyError, StoreFullError: as in `Database.write`. OSError: as in `Database.unoccupied`.
    """
    with _open_backup(path) as source, database.unoccupied():
        database.migrate()
        with database.write() as session:
            target = session.connection()
            filled = [name for name, count in _counts(target).items() if count]
            if filled and not force:
                raise NotEmptyError(f"The database is not empty: it has {', '.join(filled)}.")
            for table in reversed(Base.metadata.sorted_tables):
                target.execute(delete(table))
            _copy(source, target, on_progress)
            _copy_counters(sqlite.last_id, source, database, target)


def _copy_rows(database: Database, path: Path, on_progress: OnProgress) -> None:
    database.expect_current()
    with closing(Database(path)) as made:
        made.migrate()
        with database.read() as session, made.write() as target:
            source = session.connection()
            _copy(source, target.connection(), on_progress)
            _copy_counters(database.dialect.last_id, source, made, target.connection())
    # Leave write-ahead mode: the backup is one file, which can be read from a read-only folder.
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


def _copy(source: Connection, target: Connection, on_progress: OnProgress) -> None:
    counts = _counts(source)
    for table in Base.metadata.sorted_tables:
        size = _LARGE_ROWS_PER_CHUNK.get(table.name, _ROWS_PER_CHUNK)
        rows = source.execution_options(yield_per=size).execute(select(table).order_by(*_order(table)))
        done = 0
        for chunk in rows.mappings().partitions():
            target.execute(insert(table), [dict(row) for row in chunk])
            done += len(chunk)
            on_progress(table.name, done, counts[table.name])


def _copy_counters(
    last_id: Callable[[Connection, Table], int], source: Connection, database: Database, target: Connection
) -> None:
    for table in Base.metadata.sorted_tables:
        if table.autoincrement_column is not None:
            last = max(last_id(source, table), database.dialect.last_id(target, table))
            database.dialect.set_last_id(target, table, last)


def _order(table: Table) -> list[Column[object]]:
    """The columns to copy a table by: a row must come before the rows of the same table that point at it."""
    own = [key for key in table.foreign_key_constraints if key.referred_table is table]
    return [element.column for element in own[0].elements] if own else list(table.primary_key)


def _counts(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0
        for table in Base.metadata.sorted_tables
    }


@contextmanager
def _open_backup(path: Path) -> Iterator[Connection]:
    """Connect to a backup whose tables are of this release: to the file, which is only read, or to a copy."""
    if not path.is_file():
        raise InvalidBackupError(f"There is no file {path}.")
    try:
        revision = _check_file(path)
    except DatabaseError as error:
        raise InvalidBackupError(f"{path} is no backup, or a damaged one: {error.orig}.") from error
    if revision == newest_schema_revision():
        with _connect_read_only(path) as connection:
            yield connection
        return
    with TemporaryDirectory(prefix="bookchorus-restore-") as folder:
        copied = Path(folder) / "older.db"
        shutil.copyfile(path, copied)
        with closing(Database(copied)) as older:
            older.migrate()
        with _connect_read_only(copied) as connection:
            yield connection


def _check_file(path: Path) -> str:
    """Return the schema revision of a backup. InvalidBackupError, UnknownSchemaError: it is a bad one."""
    with _connect_read_only(path) as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
        if revision is None:
            raise InvalidBackupError(f"{path} is no backup of Bookchorus: it has none of its tables.")
        if revision not in known_schema_revisions():
            raise UnknownSchemaError(f"{path} was written by a newer release of Bookchorus.")
        [found] = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalars()
        if found != "ok":
            raise InvalidBackupError(f"{path} is damaged: {found}.")
        orphan = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if orphan is not None:
            raise InvalidBackupError(
                f"{path} is damaged: a row of {orphan[0]} needs one of {orphan[2]} that is not there."
            )
    return revision


@contextmanager
def _connect_read_only(path: Path) -> Iterator[Connection]:
    query = {"mode": "ro", "uri": "true"}
    engine = create_engine(URL.create("sqlite", database=path.absolute().as_uri(), query=query))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
