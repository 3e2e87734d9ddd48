"""The commands that look after what is kept, with a service's settings; they need no service and no LLM."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from app.cli.options import DataDir, one_line_store_errors, settings_with
from app.cli.output import Json, Output, print_line

if TYPE_CHECKING:
    from app.settings import Settings
    from store.database import Database

app = typer.Typer()

Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


@app.command("backup")
def write_backup(
    file: Annotated[Path, typer.Argument(help="The file to write.", metavar="FILE")],
    force: Force = False,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Write everything to one file, as it is at one moment. A service may run beside it."""
    out = Output(as_json)
    with one_line_store_errors(as_json):
        from app.errors import CommandError
        from app.terminal.theme import size
        from store.backup import backup

        with (
            _existing_database(settings_with(data_dir=data_dir)) as database,
            _progress_bars(out.console) as on_progress,
        ):
            try:
                backup(database, file, force=force, on_progress=on_progress)
            except FileExistsError as error:
                raise CommandError(f"{error}: give another name, or --force to replace it.") from error
        written = file.stat().st_size
        out.show({"file": str(file), "bytes": written}, f"Everything is in {file} ({size(written)}).")


@app.command("restore")
def restore_backup(
    file: Annotated[Path, typer.Argument(help="A backup's file.", metavar="FILE")],
    force: Force = False,
    data_dir: DataDir = None,
) -> None:
    """Put a backup into an empty database, SQLite or PostgreSQL. Stop the service first."""
    with one_line_store_errors():
        from sqlalchemy import func, select

        from app.errors import CommandError
        from app.resources.database import connect_database
        from store.backup import restore
        from store.errors import NotEmptyError
        from store.tables import Book

        settings = settings_with(data_dir=data_dir)
        with closing(connect_database(settings)) as database:
            try:
                with _progress_bars(Console()) as on_progress:
                    restore(database, file, force=force, on_progress=on_progress)
            except NotEmptyError as error:
                raise CommandError(f"{error} Give --force to replace what is there.") from error
            with database.read() as session:
                books = session.scalar(select(func.count()).select_from(Book)) or 0
            where = database.engine.url.render_as_string(hide_password=True)
            print_line(f"{books:,} books are in {where}.")
            _rebuild_index(settings, database)


@app.command("verify")
def verify_library(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Check all that is kept, and say what is not whole; nothing is changed. A service may run beside it."""
    with one_line_store_errors(as_json):
        from app import schemas
        from app.engine.embedder import embedder_name
        from app.terminal.theme import BAD, LABEL, plain
        from store.verify import verify

        settings, out = settings_with(data_dir=data_dir), Output(as_json)
        with _existing_database(settings) as database, _progress_bars(out.console) as on_progress:
            found = verify(database, settings.index_dir, embedder_name(settings), on_progress)
        findings = [schemas.Finding(**asdict(finding)) for finding in found]
        lines = [
            line
            for finding in findings
            for line in (
                Text.assemble((f"● {finding.kind}", BAD), "  ", plain(finding.what)),
                Text(f"  {finding.mend}", LABEL),
            )
        ]
        lines.append(Text(f"{len(findings)} findings." if findings else "Nothing is wrong.", "bold"))
        out.show(schemas.Verification(whole=not findings, findings=findings), Group(*lines))
        if findings:
            raise typer.Exit(1)


@app.command("rebuild")
def rebuild_index(data_dir: DataDir = None) -> None:
    """Make the index anew from the database. A service that runs beside it takes it at its next start."""
    with one_line_store_errors():
        settings = settings_with(data_dir=data_dir)
        with _existing_database(settings) as database:
            database.expect_current()
            _rebuild_index(settings, database)


def _rebuild_index(settings: "Settings", database: "Database") -> None:
    """Make the index anew, with the vectors of the database; only those that are missing are computed."""
    from app.engine.embedder import load_embedder
    from store.search.index import PassageIndex

    with Console().status("builds the index"):
        embedder = load_embedder(settings)
        passages = PassageIndex(database, settings.index_dir, embedder, embedder.name).rebuild()
    print_line(f"The index has {passages:,} passages.")


@contextmanager
def _existing_database(settings: "Settings") -> Iterator["Database"]:
    """The settings' database. CommandError: there is none, and none is made."""
    from app.errors import CommandError
    from app.resources.database import connect_database

    with closing(connect_database(settings)) as database:
        if database.file is not None and not database.file.is_file():
            raise CommandError(f"There is no database at {database.file}.")
        yield database


@contextmanager
def _progress_bars(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """On a terminal, show a bar for each part of the work, and none of them in the end."""
    from app.terminal.theme import ACCENT

    columns = TextColumn("{task.description}"), BarColumn(complete_style=ACCENT), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks = {}

        def show(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=of)
            progress.update(tasks[what], completed=done)

        yield show
