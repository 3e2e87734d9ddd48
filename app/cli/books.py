"""The commands about books that are there: learn another version of one, list them."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.cli.names import BookName, book_id
from app.cli.options import DEFAULT_URL, Key, Url, connect, json_object

if TYPE_CHECKING:
    from app.client import Client
    from app.schemas import Job

app = typer.Typer()

Recipe = Annotated[str | None, typer.Option(help="How to learn it, as JSON.")]
Wait = Annotated[bool, typer.Option(help="Show the training until it ends.")]


@app.command()
def train(
    book: BookName,
    parent: Annotated[int | None, typer.Option(help="Go on from this version.")] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Keep the parent as it is and learn new virtual tokens behind.")
    ] = False,
    recipe: Recipe = None,
    force: Annotated[bool, typer.Option("--force", help="Make it the champion even if it is worse.")] = False,
    wait: Wait = True,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Learn another version of a book; it becomes the champion if it is no worse."""
    chosen = json_object(recipe)
    if append:
        chosen = {**(chosen or {}), "append": True}
    console = Console()
    with connect(url, key) as client:
        job = client.train(book_id(client, book), recipe=chosen, parent=parent, force=force)
        show_job(console, client, job, client.book(job.book).title, wait=wait)


@app.command()
def books(url: Url = DEFAULT_URL, key: Key = None) -> None:
    """List the books."""
    from app.terminal.books import books_table

    with connect(url, key) as client:
        Console().print(books_table(client.books()))


def show_job(console: Console, client: "Client", job: "Job", title: str, *, wait: bool) -> None:
    """Show a job until it ends; without `wait`, say that it is there."""
    if not wait:
        console.print(Text(f"Job {job.id} is {job.status}.", "dim"))
        return
    from app.terminal.training import show_training

    try:
        ended = show_training(console, client, job, title)
    except KeyboardInterrupt:
        console.print(Text(f"Learning goes on in the service as job {job.id}.", "dim"))
        raise
    console.print(Text(f"Version {ended.version} is learned. Ask it with:"))
    console.print(Text(f'bookchorus ask --book {job.book}@{ended.version} "…"'), soft_wrap=True)
