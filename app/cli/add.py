"""The command that adds books: one with its training, many in one table, folders that are watched."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from app.cli.books import Recipe, Wait
from app.cli.completion import book_names
from app.cli.jobs import goes_on, show_job
from app.cli.names import book_id
from app.cli.options import DEFAULT_URL, Key, Url, connect, recipe_of_version
from app.cli.output import Json, Output

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
    author: Annotated[str | None, typer.Option(help="The author.")] = None,
    language: Annotated[str | None, typer.Option(help="The language's tag, such as en.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag to find it by; repeatable.")] = None,
    recipe: Recipe = None,
    revises: Annotated[
        str | None,
        typer.Option(help="It is a new edition of this book.", metavar="BOOK", autocompletion=book_names),
    ] = None,
    wait: Wait = True,
    watch: Annotated[bool, typer.Option("--watch", help="Keep folders in step until Ctrl-C.")] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="With --watch: remove a book whose file went away.")
    ] = False,
    interval: Annotated[
        float, typer.Option(min=0.1, help="With --watch: seconds from one look at the folders to the next.")
    ] = 5.0,
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
            _watch(out, Sender(client, about, chosen), files, interval=interval, delete=delete)
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
        out.document(_record(entry))
    return list(table.entries.values())


def _record(entry: "Entry") -> dict[str, object]:
    """A book on its way, which the API has no shape for."""
    named = ("state", "book", "title", "job", "reason", "warnings", "known", "revised")
    return {"object": "added", "file": str(entry.path), **{name: getattr(entry, name) for name in named}}


def _say_what_is_left_out(console: Console, found: "BookFiles") -> None:
    from app.terminal.theme import plain, shortened

    for folders, why in (
        (found.unread, "no format that is read here"),
        (found.closed, "cannot be looked into"),
    ):
        if folders:
            names = shortened(", ".join(folder.name for folder in folders))
            console.print(plain(f"Left out ({why}): {names}", "dim"), soft_wrap=True)


def _watch(out: Output, sender: "Sender", words: list[str], *, interval: float, delete: bool) -> None:
    from app.adding.watch import Watch
    from app.terminal.adding import change_line, watch_status
    from app.terminal.theme import WARN, counted, plain

    folders = [Path(word).expanduser() for word in words]
    if others := [str(folder) for folder in folders if not folder.is_dir()]:
        raise typer.BadParameter(
            f"{others[0]} is no folder; --watch keeps folders in step", param_hint="FILE"
        )
    console, watch = out.console, Watch(sender, folders, delete=delete)
    names = ", ".join(map(str, folders))
    console.print(plain(f"Watches {names} every {interval:g} s; Ctrl-C ends it."), soft_wrap=True)
    with _until_ctrl_c() as stop, console.status(watch_status(watch.in_step)) as status:
        while not stop.is_set():
            for entry in watch.step():
                if out.as_json:
                    out.document(_record(entry))
                else:
                    console.print(change_line(entry), soft_wrap=True)
                if stop.is_set():
                    break
            for trouble in watch.troubles():
                console.print(plain(trouble, WARN), soft_wrap=True)
            status.update(watch_status(watch.in_step))
            stop.wait(interval)
    said = [f"{number:,} {what}" for what, number in watch.counts.items() if number]
    ended = " · ".join([f"{counted(watch.in_step, 'file')} in step", *said])
    console.print(plain(ended), soft_wrap=True)


@contextmanager
def _until_ctrl_c() -> Iterator[Event]:
    """An event that is set at Ctrl-C; a second one interrupts.

    An interrupt in the middle of a line would have rich keep all further lines to itself.
    """
    stop = Event()

    def told(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, told)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
