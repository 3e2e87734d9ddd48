"""A backup: every row at one moment in one SQLite file, and the way back into either kind of database."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, Table, create_engine, delete, func, insert, select
from sqlalchemy.exc import DatabaseError

from store import sqlite
from store.database import Database, known_revisions, newest_revision
from store.errors import InvalidBackupError, NotEmptyError, UnknownSchemaError
from store.tables import Artifact, Base, Revision

# Of what is done, the rows so far and all there are: ("passages", 4000, 10000).
Told = Callable[[str, int, int], None]

_ROWS = 1000
# Rows of megabytes are read in ones and tens.
_FEW = {Revision.__tablename__: 1, Artifact.__tablename__: 10}


def _silent(what: str, done: int, of: int) -> None:
    """Tell nobody."""


def backup(database: Database, path: Path, *, force: bool = False, told: Told = _silent) -> None:
    """Write all rows, as they are at one moment, to a new file; others go on reading and writing meanwhile.

    The file is whole on the disk before it gets its name. FileExistsError: `path` is there already, and it is
    not to be replaced by `force`. InvalidBackupError: `path` is the database's own file, which is never
    replaced. UnknownSchemaError: a PostgreSQL database of another release. OSError, StoreFullError: it cannot
    be written.
    """
    if database.file is not None and path.resolve() == database.file.resolve():
        raise InvalidBackupError(f"{path} is the database itself: a backup needs a file of its own.")
    if path.exists() and not force:
        raise FileExistsError(f"{path} is there already")
    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        part = Path(folder) / path.name
        if database.dialect is sqlite:
            sqlite.copy_whole(database.engine, part)
        else:
            _copy_rows(database, part, told)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    _sync_folder(path.parent)


def restore(database: Database, path: Path, *, force: bool = False, told: Told = _silent) -> None:
    """Put the rows of a backup into an empty database, all of them or, on any error, none.

    The tables are made, and a backup of an older release is migrated in a copy. With `force` the rows that
    are there already are replaced. Counters go on behind the last id that was ever given. Stop the service
    first: it would go on with what it remembers. What is derived, the index, is not in a backup.

    InvalidBackupError: the file is none, or damaged. UnknownSchemaError: it is of a newer release, or the
    database is. NotEmptyError: the database holds rows. StoreBusyError, StoreFullError: as in
    `Database.write`.
    """
    with _opened(path) as source:
        database.migrate()
        with database.write() as session:
            target = session.connection()
            there = [name for name, count in _counts(target).items() if count]
            if there and not force:
                raise NotEmptyError(f"The database is not empty: it has {', '.join(there)}.")
            for table in reversed(Base.metadata.sorted_tables):
                target.execute(delete(table))
            _copy(source, target, told)
            _copy_counters(sqlite.last_id, source, database, target)


def _copy_rows(database: Database, path: Path, told: Told) -> None:
    database.expect_current()
    with closing(Database(f"sqlite:///{path}")) as made:
        made.migrate()
        with database.read() as session, made.write() as target:
            source = session.connection()
            _copy(source, target.connection(), told)
            _copy_counters(database.dialect.last_id, source, made, target.connection())
    # One file, which can be read where nothing can be written.
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


def _copy(source: Connection, target: Connection, told: Told) -> None:
    counts = _counts(source)
    for table in Base.metadata.sorted_tables:
        size = _FEW.get(table.name, _ROWS)
        rows = source.execution_options(yield_per=size).execute(select(table).order_by(*_order(table)))
        done = 0
        for chunk in rows.mappings().partitions():
            target.execute(insert(table), [dict(row) for row in chunk])
            done += len(chunk)
            told(table.name, done, counts[table.name])


def _copy_counters(
    last_id: Callable[[Connection, Table], int], source: Connection, database: Database, target: Connection
) -> None:
    for table in Base.metadata.sorted_tables:
        if table.autoincrement_column is not None:
            last = max(last_id(source, table), database.dialect.last_id(target, table))
            database.dialect.set_last_id(target, table, last)


def _order(table: Table) -> list[Column[object]]:
    """Columns by which a row comes before those of its own table that point at it."""
    own = [key for key in table.foreign_key_constraints if key.referred_table is table]
    return [element.column for element in own[0].elements] if own else list(table.primary_key)


def _counts(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0
        for table in Base.metadata.sorted_tables
    }


@contextmanager
def _opened(path: Path) -> Iterator[Connection]:
    """A backup's rows in the tables of this release; the file itself is only read."""
    if not path.is_file():
        raise InvalidBackupError(f"There is no file {path}.")
    try:
        revision = _checked(path)
    except DatabaseError as error:
        raise InvalidBackupError(f"{path} is no backup, or a damaged one: {error.orig}.") from error
    if revision == newest_revision():
        with _reading(path) as connection:
            yield connection
        return
    with TemporaryDirectory(prefix="bookchorus-restore-") as folder:
        copied = Path(folder) / "older.db"
        shutil.copyfile(path, copied)
        with closing(Database(f"sqlite:///{copied}")) as older:
            older.migrate()
        with _reading(copied) as connection:
            yield connection


def _checked(path: Path) -> str:
    """The revision of a backup's tables, once nothing is found to be wrong with the file."""
    with _reading(path) as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
        if revision is None:
            raise InvalidBackupError(f"{path} is no backup of Bookchorus: it has none of its tables.")
        if revision not in known_revisions():
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
def _reading(path: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{path.absolute().as_uri()}?mode=ro&uri=true")
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
