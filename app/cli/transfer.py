"""The commands that take versions elsewhere and back, and look at their members."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.names import BookName, BookVersion, book_id, book_version
from app.cli.options import DEFAULT_URL, Key, Url, connect
from app.cli.output import Json, Output
from app.cli.registry import tell_silence

app = typer.Typer()


@app.command("export")
def export_version(
    book: BookVersion,
    folder: Annotated[Path, typer.Argument(help="Where to write it.", metavar="DIR")],
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that is not empty.")] = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Write a version's members as adapters that PEFT loads, each with a model card."""
    from app.terminal.theme import size

    out = Output(as_json)
    with connect(url, key, as_json) as client:
        found, version = book_version(client, book)
        with out.console.status("exports the version"):
            files = client.transfer.export(found, version or "champion", folder, force=force)
        written = sum(file.stat().st_size for file in files)
        adapters = len({file.parent for file in files}) - 1
        said = f"{adapters} adapters, {size(written)}, are in {folder}."
        out.show_list([str(file) for file in files], said)


@app.command("import")
def import_version(
    book: BookName,
    folder: Annotated[Path, typer.Argument(help="An export, or adapters that PEFT trained.", metavar="DIR")],
    promote: Annotated[bool, typer.Option("--promote", help="Make it the champion.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Take it from an LLM of another name.")] = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Make an export, or adapters that PEFT trained, the next version of a book."""
    out = Output(as_json)
    with connect(url, key, as_json) as client:
        found = book_id(client, book)
        with out.console.status("imports the version"):
            version = client.transfer.import_(found, folder, promote=promote, force=force)
        aliases = " and ".join(version.aliases)
        out.show(version, f"Version {version.number} has {len(version.members)} members and is {aliases}.")
        tell_silence(out, version)


@app.command("inspect")
def inspect_version(
    book: BookVersion, as_json: Json = False, url: Url = DEFAULT_URL, key: Key = None
) -> None:
    """Show what a version's members are like: nearest words, norms, how alike they are."""
    from app.terminal.inspection import inspection_report

    out = Output(as_json)
    with connect(url, key, as_json) as client:
        found, version = book_version(client, book)
        with out.console.status("looks at the members"):
            inspection = client.transfer.inspect(found, version or "champion")
        out.show(inspection, inspection_report(inspection))
