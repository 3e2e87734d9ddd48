"""The command that shows a passage."""

from typing import Annotated

import typer

from app.cli.options import DEFAULT_URL, Key, Url, connect
from app.cli.output import Json, Output

app = typer.Typer()


@app.command()
def passage(
    number: Annotated[
        int, typer.Argument(help="The passage's id, which an answer shows beside its place.", metavar="ID")
    ],
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Show a passage whole: of which book and chapter it is, where it stands, and its text."""
    from app.terminal.passages import passage_view

    with connect(url, key, as_json) as client:
        found = client.passages.read(number, around=0).passage
        Output(as_json).show(found, passage_view(found))
