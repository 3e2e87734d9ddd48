"""What commands share: options, the connection to the service, books by id or title, errors in one line."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from app.client import Client
    from app.schemas import Book
    from app.settings import Settings

DEFAULT_URL = "http://127.0.0.1:8000"
Url = Annotated[str, typer.Option(envvar="BOOKCHORUS_URL", help="Where the service answers.")]
Key = Annotated[
    str | None,
    typer.Option(
        envvar=["BOOKCHORUS_KEY", "BOOKCHORUS_ADMIN_KEY"], help="The key to the service.", show_envvar=True
    ),
]
DataDir = Annotated[Path | None, typer.Option(help="Where books and versions are kept.")]
BookName = Annotated[str, typer.Argument(help="The book's id, or its title.", metavar="BOOK")]
BookVersion = Annotated[
    str,
    typer.Argument(
        help="The book's id or title, for its champion; or BOOK@VERSION, with a number or an alias.",
        metavar="BOOK",
    ),
]

# An id is known by its form, so that a library need not be listed to find the book.
_BOOK_ID = re.compile(r"book_[0-9a-f]{16}", re.IGNORECASE)


def settings_with(**given: object) -> "Settings":
    """The settings, and in their place what was given on the command line: all that is not None.

    CommandError: a setting is not what is expected.
    """
    from app.settings import load

    return load({name: value for name, value in given.items() if value is not None})


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the command with status 1 and a red line on standard error for any failure that a user can meet."""
    from app.client import ClientError
    from app.errors import CommandError

    try:
        yield
    except (ClientError, CommandError) as error:
        Console(stderr=True, soft_wrap=True).print(Text(str(error), "red"))
        raise typer.Exit(1) from error


@contextmanager
def one_line_store_errors() -> Iterator[None]:
    """End the command as `one_line_errors` does, also for what the store or the file system refuses."""
    from app.errors import CommandError
    from store.errors import StoreError

    with one_line_errors():
        try:
            yield
        except (StoreError, OSError) as error:
            raise CommandError(str(error)) from error


@contextmanager
def connect(url: str, key: str | None) -> Iterator["Client"]:
    """Connect to the service; what fails inside ends the command as `one_line_errors` does."""
    from app.client import Client

    with one_line_errors(), Client(url, key) as client:
        yield client


def book_id(client: "Client", name: str) -> str:
    """The id of the book that has this id or title, in any case of letters.

    Raises ClientError where no book has it, or more than one.
    """
    if _BOOK_ID.fullmatch(name):
        return name.lower()
    return _only_one(_titled(client.books(), name), name)


def book_version(client: "Client", name: str) -> tuple[str, str | None]:
    """The id of the book that `name` names, and the version where it is BOOK@VERSION.

    A title may have an "@" in it: where a book is called `name` as a whole, no version is named. Raises
    ClientError as `book_id` does.
    """
    book, at, version = name.rpartition("@")
    if not at:
        return book_id(client, name), None
    if _BOOK_ID.fullmatch(book):
        return book.lower(), version or None
    books = client.books()
    if whole := _titled(books, name):
        return _only_one(whole, name), None
    return _only_one(_titled(books, book), book), version or None


def json_object(text: str | None, option: str = "--recipe") -> dict[str, Any] | None:
    """An option's JSON object, None where it is not given. Raises typer.BadParameter for anything else."""
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint=option) from error
    if not isinstance(found, dict):
        raise typer.BadParameter('expected an object such as {"budget_seconds": 600}', param_hint=option)
    return found


def print_line(words: str) -> None:
    """Print words as they are, in one line however narrow the terminal is."""
    Console(soft_wrap=True).print(Text(words))


def _titled(books: list["Book"], title: str) -> list["Book"]:
    return [book for book in books if book.title.casefold() == title.casefold()]


def _only_one(found: list["Book"], title: str) -> str:
    """The id of the one book that has a title."""
    from app.client import ClientError

    if not found:
        raise ClientError(f"There is no book {title!r}. The books are listed by: bookchorus books")
    if len(found) > 1:
        ids = " or ".join(book.id for book in found)
        raise ClientError(f"{len(found)} books are called {title!r}: say {ids}.")
    return found[0].id
