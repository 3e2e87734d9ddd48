"""A backup's file: checked, and read with tables of this release."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DatabaseError

from store import migrations
from store.database import Database
from store.errors import InvalidBackupError, UnknownSchemaError


@contextmanager
def open_backup(path: Path) -> Iterator[Connection]:
    """Connect to a backup whose tables are of this release: to the file, which is only read, or to a copy."""
    if not path.is_file():
        raise InvalidBackupError(f"There is no file {path}.")
    try:
        revision = _check_file(path)
    except DatabaseError as error:
        raise InvalidBackupError(f"{path} is no backup, or a damaged one: {error.orig}.") from error
    if revision == migrations.NEWEST:
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
        revision = migrations.current_revision(connection)
        if revision is None:
            raise InvalidBackupError(f"{path} is no backup of Bookchorus: it has none of its tables.")
        if revision not in migrations.REVISIONS:
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
