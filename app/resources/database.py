"""The database that the settings name. Nothing here imports an LLM: backup and verify start fast."""

from app.errors import CommandError
from app.settings import Settings
from store.database import Database
from store.errors import StoreError


def open_database(settings: Settings) -> Database:
    """Connect to the database and bring it to the newest schema.

    Raises CommandError with one line when it cannot be had.
    """
    database = connect_database(settings)
    try:
        database.migrate()
    except StoreError as error:
        raise CommandError(str(error)) from error
    return database


def connect_database(settings: Settings) -> Database:
    """The database as it is. Raises CommandError with one line when the settings name none."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        return Database(settings.database)
    except ValueError as error:
        raise CommandError(f"BOOKCHORUS_DATABASE_URL: {error}") from error
    except (StoreError, OSError) as error:
        raise CommandError(str(error)) from error
