"""The command that adds books: one with its training, many in one table, folders that are watched."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from app.cli.books import Recipe, Wait
from app.cli.completion import book_names
from app.cli.jobs import goes_on, show_job
from app.cli.names import book_id
from app.cli.options import DEFAULT_URL, Key, Url, connect, recipe_of_version
from app.cli.output import Json, Output
from app.cli.watch import Author, Delete, Interval, Language, Tags, keep_in_step, record

if TYPE_CHECKING:
    from app.adding.book_files import BookFiles
    from app.adding.entry import Entry
    from app.adding.sending import Sender

app = typer.Typer()


@app.command()
def add(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Books (txt, md, html, epub, pdf or docx), folders, or patterns such as 'books/*.epub'.",
            metavar="FILE...",
        ),
    ],
    title: Annotated[str | None, typer.Option(help="The title, of one book.")] = None,
    author: Author = None,
    language: Language = None,
    tag: Tags = None,
    recipe: Recipe = None,
    revises: Annotated[
        str | None,
        typer.Option(help="It is a new edition of this book.", metavar="BOOK", autocompletion=book_names),
    ] = None,
    wait: Wait = True,
    watch: Annotated[bool, typer.Option("--watch", help="Keep folders in step until Ctrl-C.")] = False,
    delete: Delete = False,
    interval: Interval = 5.0,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Upload books and learn them: files, folders with all in them, Calibre's too, and patterns."""
    from app.adding.book_files import find
    from app.adding.calibre import About
    from app.adding.sending import Sender

    chosen, out = recipe_of_version(recipe), Output(as_json)
    about = About(title, author, language, tuple(tag or ()))
    if delete and not watch:
        raise typer.BadParameter("it goes with --watch", param_hint="--delete")
    if watch:
        _one_book_only("--watch", title, revises)
        with connect(url, key, as_json) as client:
            keep_in_step(out, Sender(client, about, chosen), files, interval=interval, delete=delete)
        return
    found = find(files)
    if len(found.files) + len(found.missing) > 1:
        _one_book_only(f"{len(found.files)} books", title, revises)
    with connect(url, key, as_json) as client:
        sender = Sender(client, about, chosen)
        if len(found.files) == 1 and not found.missing:
            _add_one(out, sender, found.files[0], revises, wait=wait)
        else:
            _add_many(out, sender, found, wait=wait)


def _one_book_only(what: str, title: str | None, revises: str | None) -> None:
    """Refuse the options that are about one book."""
    for option, value in (("--title", title), ("--revises", revises)):
        if value is not None:
            raise typer.BadParameter(f"it is about one book, and does not go with {what}", param_hint=option)


def _add_one(out: Output, sender: "Sender", file: Path, revises: str | None, *, wait: bool) -> None:
    from app.client import ClientError
    from app.schemas import ENDED, AddedBook
    from app.terminal.books import added_text

    client = sender.client
    revised = None if revises is None else book_id(client, revises)
    try:
        known = sender.known(file) if revises is None else None
    except OSError as error:
        raise ClientError(f"Cannot read {file}: {error.strerror}.") from error
    if known is not None:
        added = AddedBook(book=known, job=None if known.job is None else client.job(known.job))
    else:
        with out.console.status("uploads the book"):
            added = sender.upload(file, revised)
    job = None if added.job is None or added.job.status in ENDED else added.job
    out.show(added, added_text(added.book, learned=job is not None))
    # Without waiting the JSON is one document, which has the job.
    if job is not None and (wait or not out.as_json):
        show_job(out, client, job, wait=wait)


def _add_many(out: Output, sender: "Sender", found: "BookFiles", *, wait: bool) -> None:
    from app.adding.entry import Entry
    from app.adding.many import add_many
    from app.client import ClientError
    from app.terminal.adding import show_adding
    from app.terminal.theme import WARN, plain

    console = out.console
    _say_what_is_left_out(console, found)
    entries = [Entry(number, file, file.name) for number, file in enumerate(found.files)]
    entries += [
        Entry(number, Path(word), word).failed(reason)
        for number, (word, reason) in enumerate(found.missing.items(), len(entries))
    ]
    if not found.files:
        raise ClientError("\n".join(f"{entry.name}: {entry.reason}" for entry in entries))
    # Where nothing answers, one line says so and not one for each book.
    sender.client.ready()
    try:
        changes = add_many(sender, entries, wait=wait)
        ended = _print_lines(out, entries, changes) if out.as_json else show_adding(console, entries, changes)
    except KeyboardInterrupt:
        console.print(goes_on(sender.client, "BOOK"), soft_wrap=True)
        raise
    for entry in () if out.as_json else ended:
        for warning in entry.warnings:
            console.print(plain(f"{entry.name}: {warning}", WARN), soft_wrap=True)
    if any(entry.state == "failed" for entry in ended):
        raise typer.Exit(1)


def _print_lines(out: Output, entries: list["Entry"], changes: Iterator["Entry"]) -> list["Entry"]:
    """Print a line of JSON for each book as it changes; return the books as they are in the end."""
    from app.terminal.adding import AddingTable

    table = AddingTable(entries)
    for entry in table.follow(changes):
        out.document(record(entry))
    return list(table.entries.values())


def _say_what_is_left_out(console: Console, found: "BookFiles") -> None:
    from app.terminal.theme import plain, shortened

    for folders, why in (
        (found.unread, "no format that is read here"),
        (found.closed, "cannot be looked into"),
    ):
        if folders:
            names = shortened(", ".join(folder.name for folder in folders))
            console.print(plain(f"Left out ({why}): {names}", "dim"), soft_wrap=True)
