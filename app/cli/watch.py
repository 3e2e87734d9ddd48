"""The command that keeps folders in step with the library, and what it shares with `add`."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.books import Recipe
from app.cli.options import DEFAULT_URL, Key, Url, connect, recipe_of_version
from app.cli.output import Json, Output

if TYPE_CHECKING:
    from app.adding.entry import Entry
    from app.adding.sending import Sender

app = typer.Typer()

Author = Annotated[str | None, typer.Option(help="The author.")]
Language = Annotated[str | None, typer.Option(help="The language's tag, such as en.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag to find it by; repeatable.")]
Delete = Annotated[
    bool, typer.Option("--delete", help="While folders are watched: remove a book whose file went away.")
]
Interval = Annotated[
    float, typer.Option(min=0.1, help="Seconds from one look at watched folders to the next.")
]


@app.command()
def watch(
    folders: Annotated[list[str], typer.Argument(help="Folders.", metavar="FOLDER...")],
    author: Author = None,
    language: Language = None,
    tag: Tags = None,
    recipe: Recipe = None,
    delete: Delete = False,
    interval: Interval = 5.0,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Keep folders in step with the library until Ctrl-C, as `add --watch` does."""
    from app.adding.calibre import About
    from app.adding.sending import Sender

    about = About(None, author, language, tuple(tag or ()))
    chosen, out = recipe_of_version(recipe), Output(as_json)
    with connect(url, key, as_json) as client:
        keep_in_step(out, Sender(client, about, chosen), folders, interval=interval, delete=delete)


def keep_in_step(out: Output, sender: "Sender", words: list[str], *, interval: float, delete: bool) -> None:
    """Add what comes into folders, revise what changes, and say so, until Ctrl-C."""
    from app.adding.watch import Watch
    from app.terminal.adding import change_line, watch_status
    from app.terminal.theme import WARN, counted, plain

    folders = [Path(word).expanduser() for word in words]
    if others := [str(folder) for folder in folders if not folder.is_dir()]:
        raise typer.BadParameter(f"{others[0]} is no folder, and only folders are kept in step")
    console, watch = out.console, Watch(sender, folders, delete=delete)
    names = ", ".join(map(str, folders))
    console.print(plain(f"Watches {names} every {interval:g} s; Ctrl-C ends it."), soft_wrap=True)
    with _until_ctrl_c() as stop, console.status(watch_status(watch.in_step)) as status:
        while not stop.is_set():
            for entry in watch.step():
                if out.as_json:
                    out.document(record(entry))
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


def record(entry: "Entry") -> dict[str, object]:
    """A book on its way, which the API has no shape for."""
    named = ("state", "book", "title", "job", "reason", "warnings", "known", "revised")
    return {"object": "added", "file": str(entry.path), **{name: getattr(entry, name) for name in named}}


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
