"""The commands that look after what is kept. They need no service, and use the settings of one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from app.cli.options import failing_in_one_line

if TYPE_CHECKING:
    from app.settings import Settings

app = typer.Typer()

DataDir = Annotated[Path | None, typer.Option(help="Where books and prompts are kept.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write.", metavar="FILE")],
    force: Force = False,
    data_dir: DataDir = None,
) -> None:
    """Write everything to one file, as it is at one moment. A service may run beside it."""
    with failing_in_one_line():
        from app import maintenance

        maintenance.backup(Console(), _settings(data_dir), file, force=force)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A backup's file.", metavar="FILE")],
    force: Force = False,
    data_dir: DataDir = None,
) -> None:
    """Put a backup into an empty database, SQLite or PostgreSQL. Stop the service first."""
    with failing_in_one_line():
        from app import maintenance

        maintenance.restore(Console(), _settings(data_dir), file, force=force)


@app.command()
def verify(data_dir: DataDir = None) -> None:
    """Check all that is kept, and say what is not whole; nothing is changed. A service may run beside it."""
    with failing_in_one_line():
        from app import maintenance

        if maintenance.verify(Console(), _settings(data_dir)):
            raise typer.Exit(1)


@app.command()
def rebuild(data_dir: DataDir = None) -> None:
    """Make the index anew from the database. A service may run beside it."""
    with failing_in_one_line():
        from app import maintenance

        maintenance.rebuild(Console(), _settings(data_dir))


def _settings(data_dir: Path | None) -> "Settings":
    from app.settings import load

    return load({} if data_dir is None else {"data_dir": data_dir})
