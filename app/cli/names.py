"""Which book, version or job a word of the command line means; all commands ask here."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from app import which_book
from app.cli.completion import book_names, job_names

if TYPE_CHECKING:
    from app.client import Client
    from app.schemas import Job

_BOOK = "The book's id or title, or a beginning of one of them."
BookName = Annotated[str, typer.Argument(help=_BOOK, metavar="BOOK", autocompletion=book_names)]
BookFilter = Annotated[
    str | None, typer.Option(help="Only those of this book.", metavar="BOOK", autocompletion=book_names)
]
BookVersion = Annotated[
    str,
    typer.Argument(
        help=f"{_BOOK} That is its champion; BOOK@VERSION is another, by number or alias.",
        metavar="BOOK",
        autocompletion=book_names,
    ),
]
JobName = Annotated[
    str,
    typer.Argument(
        help="The job's id, a beginning of it, or the BOOK that the job learns.",
        metavar="JOB_OR_BOOK",
        autocompletion=job_names,
    ),
]

_JOB_ID = re.compile(r"job_[0-9a-f]{16}", re.IGNORECASE)


def book_id(client: "Client", name: str) -> str:
    """The id of the book that `name` means, see `app.which_book.book_id`. Raises ClientError where none is,
    or more than one.
    """
    with _told():
        return which_book.book_id(lambda: _titles(client), name)


def book_version(client: "Client", name: str) -> tuple[str, str | None]:
    """The id of the book that `name` names, and the version where it is BOOK@VERSION.

    Raises ClientError as `book_id` does.
    """
    with _told():
        return which_book.book_version(lambda: _titles(client), name)


def job_named(client: "Client", name: str) -> "Job":
    """The job of this id, or whose id alone begins so; else the one that learns the book `name`, or waits to.

    Raises ClientError where no job is meant, or more than one.
    """
    from app.client import ClientError

    if _JOB_ID.fullmatch(name):
        return client.job(name.lower())
    if name.lower().startswith("job_"):
        found = [job for job in client.jobs() if job.id.startswith(name.lower())]
        none = f"There is no job {name!r}. The jobs are listed by: bookchorus jobs"
        several = f"jobs begin with {name!r}"
    else:
        book = book_id(client, name)
        found = client.jobs(book=book, statuses=("queued", "running"))
        none = f"Nothing learns {name!r} now. What did is listed by: bookchorus jobs --book {book}"
        several = f"jobs learn {name!r}"
    if not found:
        raise ClientError(none)
    if len(found) > 1:
        choice = which_book.choice_of(
            [f"{job.id} ({which_book.short_title(job.title)}, {job.status})" for job in found]
        )
        raise ClientError(f"{len(found)} {several}: say {choice}.")
    return found[0]


@contextmanager
def _told() -> Iterator[None]:
    """Has a name that means no one book end the command as what the service refuses does."""
    from app.client import ClientError

    try:
        yield
    except which_book.UnknownBookError as error:
        raise ClientError(f"{error} The books are listed by: bookchorus books") from error
    except which_book.BookNameError as error:
        raise ClientError(str(error)) from error


def _titles(client: "Client") -> dict[str, str]:
    return {book.id: book.title for book in client.books()}
