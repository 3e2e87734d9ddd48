"""The commands that take versions elsewhere and back, and look at their members."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.cli.options import DEFAULT_URL, Key, Url, connected, failing_in_one_line

app = typer.Typer()

Named = Annotated[
    str, typer.Argument(help="ID@VERSION: an alias or a number; without, the champion.", metavar="BOOK")
]


@app.command("export")
def export_version(
    book: Named,
    folder: Annotated[Path, typer.Argument(help="Where to write it.", metavar="DIR")],
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that is not empty.")] = False,
    url: Url = DEFAULT_URL,
    admin_key: Key = None,
) -> None:
    """Write a version's members as adapters that PEFT loads, each with a model card."""
    from app.terminal.answers import size

    console = Console()
    with failing_in_one_line(), connected(url, admin_key) as client:
        with console.status("exports the version"):
            files = client.adapters.export(*_parted(book), folder, force=force)
        written = sum(file.stat().st_size for file in files)
        folders = len({file.parent for file in files}) - 1
        console.print(Text(f"{folders} adapters, {size(written)}, are in {folder}."))


@app.command("import")
def import_version(
    book: Annotated[str, typer.Argument(help="The id of the book to import for.", metavar="BOOK")],
    folder: Annotated[Path, typer.Argument(help="An export, or adapters that PEFT trained.", metavar="DIR")],
    promote: Annotated[bool, typer.Option("--promote", help="Make it the champion.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Take it from an LLM of another name.")] = False,
    url: Url = DEFAULT_URL,
    admin_key: Key = None,
) -> None:
    """Make an export, or prompts that PEFT trained, the next version of a book."""
    console = Console()
    with failing_in_one_line(), connected(url, admin_key) as client:
        with console.status("imports the version"):
            version = client.adapters.import_(book, folder, promote=promote, force=force)
        names = " and ".join(version.aliases)
        console.print(Text(f"Version {version.number} has {len(version.members)} members and is {names}."))


@app.command("inspect")
def inspect_version(book: Named, url: Url = DEFAULT_URL, admin_key: Key = None) -> None:
    """Show what a version's members are like: near words, norms, how alike they are."""
    from app.terminal.inspection import portrait

    console = Console()
    with failing_in_one_line(), connected(url, admin_key) as client:
        with console.status("looks at the members"):
            found = client.adapters.inspect(*_parted(book))
        console.print(portrait(found))


def _parted(name: str) -> tuple[str, str]:
    """The book and the version that `ID@VERSION` names."""
    book, _, version = name.partition("@")
    return book, version or "champion"
