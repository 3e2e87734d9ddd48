"""The database and the LLM that the settings name, or one line that says why they cannot be had."""

from app.errors import CommandError
from app.settings import Settings
from store.database import Database
from store.errors import StoreError
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import ModelUnavailableError, load


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


def load_llm(settings: Settings) -> FrozenLLM:
    """The LLM that the settings name. Raises CommandError with one line when it cannot be had."""
    try:
        return load(
            settings.model,
            revision=settings.revision,
            quantization=settings.quantization,
            device=settings.device,
            dtype=settings.dtype,
            int8_threshold=settings.int8_threshold,
            quantization_skip=settings.skipped_modules,
            checkpointing=settings.checkpointing,
            cache_dir=settings.cache_dir,
        )
    except ModelUnavailableError as error:
        names = "BOOKCHORUS_MODEL, BOOKCHORUS_DEVICE, BOOKCHORUS_CHECKPOINTING"
        raise CommandError(f"{error} (The settings are {names}.)") from error
