"""The database that the settings name. Nothing here imports an LLM: backup and verify start fast."""

import logging

from app.errors import CommandError
from app.settings import Settings
from store.bucket import Bucket
from store.database import Database
from store.errors import StoreError

log = logging.getLogger(__name__)


def open_database(settings: Settings, *, lives: bool = False) -> Database:
    """Connect to the database and bring it to the newest schema.

    Who `lives` on it keeps others from restoring a backup meanwhile. Raises CommandError with one line when
    it cannot be had.
    """
    database = connect_database(settings)
    try:
        if lives:
            _occupy(database)
        database.migrate()
    except StoreError as error:
        raise CommandError(str(error)) from error
    return database


def _occupy(database: Database) -> None:
    try:
        database.occupy()
    except OSError as error:
        log.warning("a backup can be restored under this process: %s", error)


def connect_database(settings: Settings) -> Database:
    """The database as it is. Raises CommandError with one line when the settings name none."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        return Database(settings.database, bucket=bucket_of(settings))
    except ValueError as error:
        raise CommandError(f"BOOKCHORUS_DATABASE_URL: {error}") from error
    except (StoreError, OSError) as error:
        raise CommandError(str(error)) from error


def bucket_of(settings: Settings) -> Bucket | None:
    """The bucket of large artifacts, which is not connected to yet; None where the settings name none.

    CommandError: they name none that can be used. BucketUnreachableError as in `Bucket`.
    """
    if settings.artifacts is None:
        return None
    try:
        return Bucket(settings.artifacts, settings.artifact_bytes)
    except ValueError as error:
        raise CommandError(f"BOOKCHORUS_ARTIFACTS: {error}.") from error
