"""The command that adds books: one with its training, many in one table, folders that are watched."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.cli.books import Recipe, Wait
from app.cli.jobs import show_job
from app.cli.names import book_id
from app.cli.options import DEFAULT_URL, Key, Url, connect, json_object, next_command

if TYPE_CHECKING:
    from app.adding.book_files import BookFiles
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
        typer.Option(help="It is a new edition of this book.", metavar="BOOK"),
    ] = None,
    wait: Wait = True,
    watch: Annotated[bool, typer.Option("--watch", help="Keep folders in step until Ctrl-C.")] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="With --watch: remove a book whose file went away.")
    ] = False,
    interval: Annotated[
        float, typer.Option(min=0.1, help="With --watch: seconds from one look at the folders to the next.")
    ] = 5.0,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Upload books and learn them: files, folders with all in them, Calibre's too, and patterns."""
    from app.adding.book_files import find
    from app.adding.calibre import About
    from app.adding.sending import Sender

    chosen = json_object(recipe)
    about = About(title, author, language, tuple(tag or ()))
    if delete and not watch:
        raise typer.BadParameter("it goes with --watch", param_hint="--delete")
    if watch:
        _one_book_only("--watch", title, revises)
        with connect(url, key) as client:
            _watch(Console(), Sender(client, about, chosen), files, interval=interval, delete=delete)
        return
    found = find(files)
    if len(found.files) + len(found.missing) > 1:
        _one_book_only(f"{len(found.files)} books", title, revises)
    with connect(url, key) as client:
        sender = Sender(client, about, chosen)
        if len(found.files) == 1 and not found.missing:
            _add_one(Console(), sender, found.files[0], revises, wait=wait)
        else:
            _add_many(Console(), sender, found, wait=wait)


def _one_book_only(what: str, title: str | None, revises: str | None) -> None:
    """Refuse the options that are about one book."""
    for option, value in (("--title", title), ("--revises", revises)):
        if value is not None:
            raise typer.BadParameter(f"it is about one book, and does not go with {what}", param_hint=option)


def _add_one(console: Console, sender: "Sender", file: Path, revises: str | None, *, wait: bool) -> None:
    from app.client import ClientError
    from app.schemas import ENDED
    from app.terminal.books import warning_lines
    from app.terminal.theme import plain

    client = sender.client
    revised = None if revises is None else book_id(client, revises)
    try:
        known = sender.known(file) if revises is None else None
    except OSError as error:
        raise ClientError(f"Cannot read {file}: {error.strerror}.") from error
    if known is not None:
        book, job = known, None if known.job is None else client.job(known.job)
    else:
        with console.status("uploads the book"):
            added = sender.upload(file, revised)
        book, job = added.book, added.job
    warnings = warning_lines(book)
    name = plain(book.title, "bold").append(f" ({book.id})", "dim")
    if job is None or job.status in ENDED:
        console.print(name.append(f" is here already: {book.state}", "not bold"), *warnings, sep="\n")
        return
    size = f"{_count(book.passages, 'passage')} in {_count(len(book.chapters), 'chapter')}"
    console.print(name.append(f" · {size}", "not bold"), *warnings, sep="\n")
    show_job(console, client, job, wait=wait)


def _add_many(console: Console, sender: "Sender", found: "BookFiles", *, wait: bool) -> None:
    from app.adding.entry import Entry
    from app.adding.many import add_many
    from app.client import ClientError
    from app.terminal.adding import show_adding
    from app.terminal.theme import WARN, plain

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
        ended = show_adding(console, entries, add_many(sender, entries, wait=wait))
    except KeyboardInterrupt:
        follow, cancel = (next_command(sender.client, word, "BOOK") for word in ("follow", "cancel"))
        said = f"Learning goes on in the service. Follow one with: {follow}. Stop it with: {cancel}."
        console.print(Text(said, "dim"), soft_wrap=True)
        raise
    for entry in ended:
        for warning in entry.warnings:
            console.print(plain(f"{entry.name}: {warning}", WARN), soft_wrap=True)
    if any(entry.state == "failed" for entry in ended):
        raise typer.Exit(1)


def _say_what_is_left_out(console: Console, found: "BookFiles") -> None:
    from app.terminal.theme import plain, shortened

    for folders, why in (
        (found.unread, "no format that is read here"),
        (found.closed, "cannot be looked into"),
    ):
        if folders:
            names = shortened(", ".join(folder.name for folder in folders))
            console.print(plain(f"Left out ({why}): {names}", "dim"), soft_wrap=True)


def _watch(console: Console, sender: "Sender", words: list[str], *, interval: float, delete: bool) -> None:
    from app.adding.watch import Watch
    from app.terminal.adding import change_line, watch_status
    from app.terminal.theme import WARN, plain

    folders = [Path(word).expanduser() for word in words]
    if others := [str(folder) for folder in folders if not folder.is_dir()]:
        raise typer.BadParameter(
            f"{others[0]} is no folder; --watch keeps folders in step", param_hint="FILE"
        )
    watch = Watch(sender, folders, delete=delete)
    names = ", ".join(map(str, folders))
    console.print(plain(f"Watches {names} every {interval:g} s; Ctrl-C ends it."), soft_wrap=True)
    with _until_ctrl_c() as stop, console.status(watch_status(watch.in_step)) as status:
        while not stop.is_set():
            for entry in watch.step():
                console.print(change_line(entry), soft_wrap=True)
                if stop.is_set():
                    break
            for trouble in watch.troubles():
                console.print(plain(trouble, WARN), soft_wrap=True)
            status.update(watch_status(watch.in_step))
            stop.wait(interval)
    said = [f"{number:,} {what}" for what, number in watch.counts.items() if number]
    ended = " · ".join([f"{_count(watch.in_step, 'file')} in step", *said])
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


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
