"""Which book, version or job a word of the command line means; all commands ask here."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.completion import book_names, job_names

if TYPE_CHECKING:
    from app.client import Client
    from app.schemas import Book, Job

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

# An id is known by its form, so that a library need not be listed to find the book.
_BOOK_ID = re.compile(r"book_[0-9a-f]{16}", re.IGNORECASE)
_JOB_ID = re.compile(r"job_[0-9a-f]{16}", re.IGNORECASE)
# So many candidates are named; of more, how many there are.
_NAMED = 5
_TITLE = 40


def book_id(client: "Client", name: str) -> str:
    """The id of the book that has this id or title or, where none has, whose id or title begins so.

    Upper and lower case are one. Raises ClientError where no book is meant, or more than one.
    """
    if _BOOK_ID.fullmatch(name):
        return name.lower()
    return _meant(client.books(), [(name, None)])[0]


def book_version(client: "Client", name: str) -> tuple[str, str | None]:
    """The id of the book that `name` names, and the version where it is BOOK@VERSION.

    A title may have an "@" in it: where `name` as a whole is a book's, no version is named. Raises
    ClientError as `book_id` does.
    """
    book, at, version = name.rpartition("@")
    if not at:
        return book_id(client, name), None
    if _BOOK_ID.fullmatch(book):
        return book.lower(), version or None
    return _meant(client.books(), [(name, None), (book, version or None)])


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
        choice = _choice([f"{job.id} ({_short(job.title)}, {job.status})" for job in found])
        raise ClientError(f"{len(found)} {several}: say {choice}.")
    return found[0]


def _meant(books: Sequence["Book"], words: Sequence[tuple[str, str | None]]) -> tuple[str, str | None]:
    """The id of the one book that a word is the name of, with what belongs to the word: of the first word
    that is a whole name, else of the first that is a beginning.
    """
    from app.client import ClientError

    names = [(book, (book.id, book.title.casefold())) for book in books]
    tests: tuple[tuple[str, Callable[[str, str], bool]], ...] = (
        ("are called", str.__eq__),
        ("begin with", str.startswith),
    )
    for how, fits in tests:
        for word, belonging in words:
            wanted = word.casefold()
            found = [book for book, both in names if wanted and any(fits(name, wanted) for name in both)]
            if len(found) > 1:
                choice = _choice([f"{book.id} ({_short(book.title)})" for book in found])
                raise ClientError(f"{len(found)} books {how} {word!r}: say {choice}.")
            if found:
                return found[0].id, belonging
    raise ClientError(f"There is no book {words[-1][0]!r}. The books are listed by: bookchorus books")


def _choice(candidates: Sequence[str]) -> str:
    """Two candidates or more in words."""
    if len(candidates) > _NAMED:
        return f"{', '.join(candidates[:_NAMED])} or one of {len(candidates) - _NAMED} more"
    return f"{', '.join(candidates[:-1])} or {candidates[-1]}"


def _short(title: str) -> str:
    from app.terminal.theme import plain, shortened

    return plain(shortened(title, _TITLE)).plain
