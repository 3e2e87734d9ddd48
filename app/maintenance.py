"""Looking after what is kept, with the settings' database and folder: no LLM, and no service, is needed."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text
from sqlalchemy import func, select

from app.engine.embedder import Embedder, embedder_name
from app.errors import CommandError
from app.resources import connect_database
from app.settings import Settings
from app.terminal.answers import ACCENT, BAD, LABEL, plain, size
from store import backup as whole
from store.database import Database
from store.errors import NotEmptyError, StoreError
from store.search.index import PassageIndex
from store.tables import Book
from store.verify import Finding
from store.verify import verify as verified


def backup(console: Console, settings: Settings, file: Path, *, force: bool) -> None:
    """Write everything to a new file, as it is at one moment; a service may go on beside it.

    Raises CommandError with one line when that cannot be done, and leaves no half a file.
    """
    with _failing(), _existing(settings) as database, _shown(console) as on_progress:
        try:
            whole.backup(database, file, force=force, on_progress=on_progress)
        except FileExistsError as error:
            raise CommandError(f"{error}: give another name, or --force to replace it.") from error
    console.print(Text(f"Everything is in {file} ({size(file.stat().st_size)})."))


def restore(console: Console, settings: Settings, file: Path, *, force: bool) -> None:
    """Put a backup into the settings' database, which is empty or to be replaced, and build its index.

    Stop the service first. Raises CommandError with one line when that cannot be done; what was in the
    database is then as it was.
    """
    with _failing(), closing(connect_database(settings)) as database:
        try:
            with _shown(console) as on_progress:
                whole.restore(database, file, force=force, on_progress=on_progress)
        except NotEmptyError as error:
            raise CommandError(f"{error} Give --force to replace what is there.") from error
        with database.read() as session:
            books = session.scalar(select(func.count()).select_from(Book)) or 0
        where = database.engine.url.render_as_string(hide_password=True)
        console.print(Text(f"{books:,} books are in {where}."))
        _rebuild(console, settings, database)


def verify(console: Console, settings: Settings) -> list[Finding]:
    """Check all that is kept, show what is not whole, and return it. Nothing is changed or locked.

    Raises CommandError with one line when the database cannot be read at all.
    """
    with _failing(), _existing(settings) as database, _shown(console) as on_progress:
        found = verified(database, settings.index_dir, embedder_name(), on_progress)
    for finding in found:
        console.print(Text.assemble((f"● {finding.kind}", BAD), "  ", plain(finding.what)))
        console.print(Text(f"  {finding.mend}", LABEL))
    console.print(Text("Nothing is wrong." if not found else f"{len(found)} findings.", "bold"))
    return found


def rebuild(console: Console, settings: Settings) -> None:
    """Make the index anew from the database; a service may go on beside it, and takes it when it starts.

    Only the vectors that are missing are written to the database. Raises CommandError with one line when it
    cannot be done.
    """
    with _failing(), _existing(settings) as database:
        database.expect_current()
        _rebuild(console, settings, database)


def _rebuild(console: Console, settings: Settings, database: Database) -> None:
    with console.status("builds the index"):
        embedder = Embedder()
        index = PassageIndex(database, settings.index_dir, embedder, embedder.name)
        passages = index.rebuild()
    console.print(Text(f"The index has {passages:,} passages."))


@contextmanager
def _existing(settings: Settings) -> Iterator[Database]:
    """The settings' database, which is there: none is made."""
    with closing(connect_database(settings)) as database:
        if database.file is not None and not database.file.is_file():
            raise CommandError(f"There is no database at {database.file}.")
        yield database


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except (StoreError, OSError) as error:
        raise CommandError(str(error)) from error


@contextmanager
def _shown(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """On a terminal, a bar for each part of the work; nothing of it stays."""
    columns = TextColumn("{task.description}"), BarColumn(complete_style=ACCENT), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks = {}

        def on_progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done)

        yield on_progress
