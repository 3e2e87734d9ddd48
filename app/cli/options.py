"""What commands have in common: the options they share, and failures told in one line."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from app.client import Client

Url = Annotated[str, typer.Option(envvar="BOOKCHORUS_URL", help="Where the service answers.")]
Key = Annotated[
    str | None, typer.Option(envvar="BOOKCHORUS_ADMIN_KEY", help="The service's admin key.", show_envvar=True)
]
DEFAULT_URL = "http://127.0.0.1:8000"


def connected(url: str, admin_key: str | None) -> "Client":
    """A connection to the service."""
    from app.client import Client

    return Client(url, admin_key)


def book_id(client: "Client", name: str) -> str:
    """The id of a book, named by it or by its title in any case. Raises ClientError where that is unclear."""
    from app.client import ClientError

    if name.startswith("book_"):
        return name
    fitting = [book for book in client.books() if book.title.casefold() == name.casefold()]
    if not fitting:
        raise ClientError(f"There is no book {name!r}. The books are listed by: bookchorus books")
    if len(fitting) > 1:
        ids = " or ".join(book.id for book in fitting)
        raise ClientError(f"{len(fitting)} books are called {name!r}: say {ids}.")
    return fitting[0].id


def json_object(text: str, option: str = "--recipe") -> dict[str, Any]:
    """An option's value. Raises typer.BadParameter for anything that is no JSON object."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint=option) from error
    if not isinstance(found, dict):
        raise typer.BadParameter('expected an object such as {"budget_seconds": 600}', param_hint=option)
    return found


@contextmanager
def failing_in_one_line() -> Iterator[None]:
    """Turn the failures a user can meet into red words on standard error and exit status 1."""
    from app.client import ClientError
    from app.errors import CommandError

    try:
        yield
    except (ClientError, CommandError) as error:
        Console(stderr=True, soft_wrap=True).print(Text(str(error), "red"))
        raise typer.Exit(1) from error
