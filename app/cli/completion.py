"""What the shell completes a name to: books and jobs of the service that runs, or nothing."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from app.client import Client

# The shell waits for it: seconds for each answer of the service, and how many books or jobs it is asked for.
_SECONDS = 0.5
_MOST = 200


def book_names(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The titles and ids of books that begin so, each with the other one."""
    pairs: list[tuple[str, str]] = []
    with _service(ctx) as client:
        for book in client.books(most=_MOST):
            pairs += [(book.title, book.id), (book.id, book.title)]
    return list(_beginning(pairs, incomplete))


def job_names(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The ids and the books' titles of jobs that begin so and have not ended, each with the other one."""
    pairs: list[tuple[str, str]] = []
    with _service(ctx) as client:
        for job in client.jobs(statuses=("queued", "running"), most=_MOST):
            pairs += [(job.title, job.id), (job.id, job.title)]
    return list(_beginning(pairs, incomplete))


@contextmanager
def _service(ctx: typer.Context) -> Iterator["Client"]:
    """The service that the command would talk to; where it does not answer at once, nothing is said."""
    from app.cli.options import DEFAULT_URL
    from app.client import Client, ClientError

    names = os.environ
    url = ctx.params.get("url") or names.get("BOOKCHORUS_URL") or DEFAULT_URL
    key = ctx.params.get("key") or names.get("BOOKCHORUS_KEY") or names.get("BOOKCHORUS_ADMIN_KEY")
    with suppress(ClientError), Client(url, key, timeout=_SECONDS) as client:
        yield client


def _beginning(pairs: Iterable[tuple[str, str]], incomplete: str) -> Iterator[tuple[str, str]]:
    """Those whose first begins so, in any case of letters. What was typed stays, for shells compare it."""
    for name, beside in pairs:
        name = _harmless(name)
        if name and name.casefold().startswith(incomplete.casefold()):
            value = incomplete + name[len(incomplete) :]
            # Bash takes words as they are to be typed; the other shells quote them.
            bash = os.environ.get("_BOOKCHORUS_COMPLETE") == "complete_bash"
            yield value.replace(" ", "\\ ") if bash else value, _harmless(beside)


def _harmless(title: str) -> str:
    """A title up to what a shell might run or read otherwise: a beginning names a book, too."""
    return re.split(r"[^\w .,-]", title, maxsplit=1)[0].rstrip()
