"""Checks of what is kept: the data folder, the database, and the index that is made of it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.doctor.check import Check, first_line
from app.engine.embedder import embedder_name
from app.errors import CommandError
from app.resources.database import bucket_of
from app.resources.start_checks import check_folder
from app.settings import Settings
from store import migrations
from store.database import Database
from store.errors import StoreError
from store.search.library_index import LibraryIndex, UnusableIndexError, read_state

_NONE = "none yet: the first start makes it"


def folder(settings: Settings) -> Check:
    """Whether the data folder is there, or can be made."""
    try:
        check_folder(settings.data_dir)
    except CommandError as error:
        return Check(
            "data folder", "fault", str(error), "Name another one with --data-dir, or let it be written."
        )
    there = "" if settings.data_dir.is_dir() else ", which the first start makes"
    return Check("data folder", "ok", f"{settings.data_dir}{there}")


def database_bytes(settings: Settings) -> int:
    """How large the database's file is; 0 for none and for a server."""
    place = settings.database
    return place.stat().st_size if isinstance(place, Path) and place.is_file() else 0


def database(settings: Settings) -> Check:
    """Whether the database opens, its tables are of this release, and who holds it."""
    try:
        with existing(settings) as found:
            if found is None:
                return Check("database", "ok", _NONE)
            revision, held = found.schema_revision(), found.holders()
    except (StoreError, CommandError, SQLAlchemyError) as error:
        return Check(
            "database",
            "fault",
            first_line(error),
            "Restore a backup (bookchorus restore), or mend its place.",
        )
    seen = f"revision {revision or 'none'}, " + (f"held by {', '.join(held)}" if held else "held by nobody")
    if revision in (migrations.NEWEST, None):
        return Check("database", "ok", seen)
    if revision in migrations.REVISIONS:
        mend = f"The next start brings it to {migrations.NEWEST}: make a backup before (bookchorus backup)."
        return Check("database", "warning", f"{seen}, of an older release", mend)
    return Check("database", "fault", f"{seen}, of a newer release", "Install that release of Bookchorus.")


def index(settings: Settings) -> Check:
    """Whether the index is there, whole, and of the passages that the database has."""
    try:
        with existing(settings) as found:
            if found is None:
                return Check("index", "ok", _NONE)
            found.expect_current()
            name = embedder_name(settings)
            with found.read() as session:
                state = read_state(session, name)
    except (StoreError, CommandError, SQLAlchemyError) as error:
        return Check(
            "index", "warning", f"It was not looked at: {first_line(error)}", "Mend the database first."
        )
    if state.passages == 0:
        return Check("index", "ok", "none: there are no books")
    try:
        LibraryIndex.open(settings.index_dir, name).expect(state)
    except UnusableIndexError as error:
        damaged = "damaged" in str(error)
        mend = "bookchorus rebuild makes it again" + ("." if damaged else "; so does the next start.")
        return Check("index", "fault" if damaged else "warning", f"It {error}", mend)
    return Check("index", "ok", f"{state.passages:,} passages, {state.embedded:,} of them with vectors")


def bucket(settings: Settings) -> Check:
    """Whether an object can be written to the bucket of large artifacts, read and deleted."""
    try:
        found = bucket_of(settings)
        if found is None:
            return Check("bucket", "ok", "none: all artifacts are in the database")
        found.check()
    except (StoreError, CommandError) as error:
        mend = "Look at BOOKCHORUS_ARTIFACTS, and at the variables of the bucket's endpoint and credentials."
        return Check("bucket", "fault", first_line(error), mend)
    return Check("bucket", "ok", f"{found.url}, for artifacts from {found.least_bytes:,} bytes on")


@contextmanager
def existing(settings: Settings) -> Iterator[Database | None]:
    """The database, which is neither made nor migrated; None where there is none yet.

    CommandError, StoreError: the settings name none that can be connected to.
    """
    place = settings.database
    if isinstance(place, Path) and not place.is_file():
        yield None
        return
    try:
        found = Database(place)
    except ValueError as error:
        raise CommandError(f"BOOKCHORUS_DATABASE_URL: {error}") from error
    with closing(found):
        yield found
