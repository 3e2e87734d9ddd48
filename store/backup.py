"""Backups: all rows, as they are at one moment, in one SQLite file; restored into either kind of database."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from hashlib import sha256 as hash_of
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Table,
    create_engine,
    delete,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.orm import Session

from store import outside, sqlite, sweeping
from store.backup_file import open_backup
from store.database import Database
from store.errors import (
    DamagedArtifactError,
    InvalidBackupError,
    NotEmptyError,
    StoreBusyError,
)
from store.progress import OnProgress, ignore_progress
from store.tables import Artifact, Base, IndexSnapshot, Revision, Turn

_ROWS_PER_CHUNK = 1000
# How often rows are copied whose artifacts were deleted before they were.
_TRIES = 3
# Tables whose rows may have megabytes each.
_LARGE_ROWS_PER_CHUNK = {Revision.__tablename__: 1, Artifact.__tablename__: 10, Turn.__tablename__: 10}


def backup(
    database: Database, path: Path, *, force: bool = False, on_progress: OnProgress = ignore_progress
) -> None:
    """Write all rows, as they are at one moment, to a new file. Others may read and write meanwhile.

    The file is complete on the disk before it gets its name, with the bytes that are in a bucket. What is
    damaged or gone there stays so in the file. `on_progress` counts the rows of each table, unless SQLite
    copies itself, and what is fetched. FileExistsError: `path` is there already, and `force` is not set.
    InvalidBackupError: `path` is the database's own file, which is never replaced. UnknownSchemaError: a
    PostgreSQL database of another release. OSError, StoreFullError: the file cannot be written.
    BucketUnreachableError: the bucket cannot be read. StoreBusyError: versions are pruned all the time.
    """
    if database.file is not None and path.resolve() == database.file.resolve():
        raise InvalidBackupError(f"{path} is the database itself: a backup needs a file of its own.")
    if path.exists() and not force:
        raise FileExistsError(f"{path} is there already")
    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        for _ in range(_TRIES):
            part = Path(mkdtemp(dir=folder)) / path.name
            if database.dialect is sqlite:
                sqlite.copy_database(database.engine, part)
            else:
                _copy_rows(database, part, on_progress)
            if _fetch(database, part, on_progress):
                break
        else:
            raise StoreBusyError("Artifacts are deleted while they are copied: try again.")
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
    derived, and not part of a backup. Large artifacts go into the bucket of the database, if it has one.
    `on_progress` counts the rows of each table.

    InUseError: a service or a worker lives on the database, and would go on with what it has in memory; none
    can start meanwhile. InvalidBackupError: the file is not a backup, or is damaged. UnknownSchemaError: the
    backup or the database is of a newer release. NotEmptyError: the database has rows, and `force` is not
    set. StoreBusyError, StoreFullError, BucketUnreachableError: as in `Database.write`. OSError: as in
    `Database.unoccupied`.
    """
    with open_backup(path) as source, database.unoccupied():
        database.migrate()
        with database.write() as session:
            target = session.connection()
            filled = [name for name, count in _counts(target).items() if count]
            if filled and not force:
                raise NotEmptyError(f"The database is not empty: it has {', '.join(filled)}.")
            before = outside.named(session)
            for table in reversed(Base.metadata.sorted_tables):
                target.execute(delete(table))
            _copy(source, target, on_progress, partial(_placed, session))
            _copy_counters(sqlite.last_id, source, database, target)
            after = outside.named(session)
        sweeping.discard(database.bucket, before - after)


def _fetch(database: Database, path: Path, on_progress: OnProgress) -> bool:
    """Put the bytes that are in a bucket into a copy of the rows.

    False: some were deleted since the rows were copied, and the rows must be copied again.
    """
    engine = create_engine(URL.create("sqlite", database=str(path)))
    try:
        # SQLite copies tables of another release, too: of an older one nothing is outside.
        columns = inspect(engine).get_columns(Artifact.__tablename__)
        if all(column["name"] != "bucket" for column in columns):
            return True
        with Session(engine) as copy, copy.begin():
            query = select(Artifact.sha256, Artifact.bucket).where(Artifact.bucket.is_not(None))
            sweeping.forget(copy, copy.scalars(query.where(Artifact.pruned_at.is_not(None))).all())
            rows = copy.execute(query).all()
            for done, (sha256, place) in enumerate(rows, start=1):
                assert place is not None
                try:
                    data = outside.read(database.bucket, place, sha256)
                except DamagedArtifactError:
                    if not _still_named(database, sha256):
                        return False
                    data = b""
                changed = update(Artifact).where(Artifact.sha256 == sha256)
                copy.execute(changed.values(data=data, bucket=None))
                on_progress("bucket", done, len(rows))
    finally:
        engine.dispose()
    return True


def _still_named(database: Database, sha256: str) -> bool:
    with database.read() as session:
        query = select(Artifact.sha256).where(Artifact.sha256 == sha256, Artifact.pruned_at.is_(None))
        return session.scalar(query) is not None


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


def _copy(
    source: Connection,
    target: Connection,
    on_progress: OnProgress,
    place: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> None:
    """Copy all rows; `place` is given each artifact's, and gives what is put of it."""
    counts = _counts(source)
    for table in _tables():
        size = _LARGE_ROWS_PER_CHUNK.get(table.name, _ROWS_PER_CHUNK)
        rows = source.execution_options(yield_per=size).execute(select(table).order_by(*_order(table)))
        done = 0
        for chunk in rows.mappings().partitions():
            copied = [dict(row) for row in chunk]
            if table.name == Artifact.__tablename__:
                copied = [place(row) for row in copied]
            target.execute(insert(table), copied)
            done += len(chunk)
            on_progress(table.name, done, counts[table.name])


def _placed(session: Session, row: dict[str, Any]) -> dict[str, Any]:
    """An artifact's row of a backup, its bytes where the database restored into has such."""
    # An object has the bytes that its name says; damaged ones stay in the row.
    if row["pruned_at"] is not None or hash_of(row["data"]).hexdigest() != row["sha256"]:
        return row
    data, place = outside.keep(session, row["sha256"], row["data"])
    return {**row, "data": data, "bucket": place}


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
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in _tables()
    }


def _tables() -> list[Table]:
    """The tables of a backup, in an order in which rows can be added: all but those of indexes."""
    return [table for table in Base.metadata.sorted_tables if table.name != IndexSnapshot.__tablename__]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
