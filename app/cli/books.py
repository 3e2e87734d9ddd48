"""The commands about books that are there: learn another version of one, list them."""

from typing import Annotated

import typer
from rich.console import Console

from app.cli.jobs import show_job
from app.cli.names import BookName, book_id
from app.cli.options import DEFAULT_URL, Key, Url, connect, json_object

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
    with connect(url, key) as client:
        job = client.train(book_id(client, book), recipe=chosen, parent=parent, force=force)
        show_job(Console(), client, job, wait=wait)


@app.command()
def books(url: Url = DEFAULT_URL, key: Key = None) -> None:
    """List the books."""
    from app.terminal.books import books_table

    with connect(url, key) as client:
        Console().print(books_table(client.books()))
