"""The commands about books that are there: learn another version of one, list them."""

from typing import Annotated

import typer

from app.cli.jobs import show_job
from app.cli.names import BookName, book_id
from app.cli.options import DEFAULT_URL, Key, Url, connect, recipe_of_version
from app.cli.output import Json, Output

app = typer.Typer()

Recipe = Annotated[
    str | None,
    typer.Option(
        help="How to learn it, as JSON such as '{\"budget_seconds\": 600}'; docs/recipes.md has the fields."
    ),
]
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
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Learn another version of a book; it becomes the champion if it is no worse."""
    chosen = recipe_of_version(recipe)
    if append:
        chosen = {**(chosen or {}), "append": True}
    with connect(url, key, as_json) as client:
        job = client.train(book_id(client, book), recipe=chosen, parent=parent, force=force)
        show_job(Output(as_json), client, job, wait=wait)


@app.command()
def books(as_json: Json = False, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """List the books."""
    from app.terminal.books import books_table

    with connect(url, key, as_json) as client:
        found = client.books()
        Output(as_json).show_list(found, books_table(found))


@app.command()
def remove(
    book: BookName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Remove a book with all that was learned from it."""
    from app.terminal.theme import plain

    with connect(url, key, as_json) as client:
        found = client.book(book_id(client, book))
        title = plain(found.title).plain
        if not yes:
            typer.confirm(
                f"Remove {title} ({found.id}) and all that was learned from it?", abort=True, err=True
            )
        client.remove(found.id)
        Output(as_json).show(found, f"{title} ({found.id}) is removed.")
