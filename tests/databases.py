"""Databases with all tables, which are made once and copied."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from store.database import Database


def new_database(path: Path) -> Database:
    """An empty SQLite database at `path`, as `migrate` would make it."""
    path.write_bytes(_migrated())
    return Database(path)


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.db"
        database = Database(path)
        database.migrate()
        database.close()
        return path.read_bytes()
