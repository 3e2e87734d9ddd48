"""What a command prints: views for people or, with --json, the shapes of the API for programs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.text import Text

if TYPE_CHECKING:
    from pydantic import BaseModel

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class Output:
    """Standard output of one command, `as_json` or for people.

    As JSON, what it finds is all that is on it: one document, or one on each line for what goes on. Whatever
    else there is to say goes to `console`, which then is standard error.
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.console = Console(stderr=as_json)

    def show(self, found: "BaseModel | Mapping[str, Any]", view: RenderableType) -> None:
        """Print what was found, or its view; a str is one line, however narrow the terminal is."""
        if self.as_json:
            self.document(found)
        elif isinstance(view, str):
            print_line(view)
        else:
            self.console.print(view)

    def show_list(self, found: Sequence[Any], view: RenderableType, *, has_more: bool = False) -> None:
        """Print a list in the shape of a page, or its view."""
        from app.schemas import Page

        self.show(Page(data=list(found), has_more=has_more), view)

    def document(self, found: "BaseModel | Mapping[str, Any]") -> None:
        """Print JSON on one line; in ASCII, which every terminal and pipe takes as it is."""
        typer.echo(_line(found))


def print_line(words: str) -> None:
    """Print words as they are, in one line however narrow the terminal is."""
    Console(soft_wrap=True).print(Text(words))


@contextmanager
def one_line_errors(as_json: bool = False) -> Iterator[None]:
    """End the command with status 1, told by `tell_failure`, for any failure that a user can meet."""
    from app.client import ClientError
    from app.errors import CommandError

    try:
        yield
    except (ClientError, CommandError) as error:
        tell_failure(error, as_json)
        raise typer.Exit(1) from error


def tell_failure(error: Exception, as_json: bool) -> None:
    """Print one line on standard error: in red or, `as_json`, as a problem (RFC 9457)."""
    from app.client import ClientError

    if as_json:
        problem = error.problem if isinstance(error, ClientError) else None
        typer.echo(_line(problem or _own_problem(error)), err=True)
    else:
        Console(stderr=True, soft_wrap=True).print(Text(str(error), "red"))


def _line(found: "BaseModel | Mapping[str, Any]") -> str:
    return json.dumps(found if isinstance(found, Mapping) else found.model_dump(mode="json"))


def _own_problem(error: Exception) -> dict[str, str]:
    """A failure that the service did not tell, as a problem of no type of its own."""
    return {"type": "about:blank", "title": "The command failed", "detail": str(error)}


def print_report(report: "BaseModel", shown: RenderableType, json_file: Path | None) -> None:
    """Print the table, wide enough for its columns also in a file, and write the JSON."""
    console = Console()
    Console(width=max(console.width, 110)).print(shown)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(report.model_dump_json(indent=2), encoding="utf-8")
