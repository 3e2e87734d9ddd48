"""The commands of the registry: list versions, show one, promote, roll back, compare, prune."""

from typing import Annotated, Literal

import typer
from rich.console import Console

from app.cli.names import BookFilter, BookName, BookVersion, book_id, book_version
from app.cli.options import DEFAULT_URL, Key, Url, connect, print_line

app = typer.Typer()

# The same as app.schemas.VersionState, which takes a while to import.
State = Literal["live", "damaged", "pruned"]
Alias = Annotated[str, typer.Option(help="Which alias.")]
Why = Annotated[str | None, typer.Option(help="The reason, for the history.")]


@app.command()
def versions(
    book: BookFilter = None,
    alias: Annotated[str | None, typer.Option(help="Only those with this alias.")] = None,
    base_model: Annotated[str | None, typer.Option(help="Only those of this LLM.")] = None,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """List the versions of books: members, LLM, losses, aliases."""
    from app.terminal.versions import versions_table

    with connect(url, key) as client:
        chosen = None if book is None else book_id(client, book)
        found = client.versions(book=chosen, alias=alias, base_model=base_model, state=state)
        Console().print(versions_table(found))


@app.command()
def show(
    book: BookVersion,
    version: Annotated[
        str | None, typer.Argument(help="A version's number, or an alias; the same as BOOK@VERSION.")
    ] = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Show one version: how it was learned, and how each member fared."""
    from app.terminal.versions import version_panel

    with connect(url, key) as client:
        found, named = book_version(client, book) if version is None else (book_id(client, book), version)
        Console().print(version_panel(client.registry.version(found, named or "champion")))


@app.command()
def promote(
    book: BookName,
    version: Annotated[int, typer.Argument(help="The version's number.")],
    alias: Alias = "champion",
    why: Why = None,
    force: Annotated[bool, typer.Option("--force", help="Even if it is worse than the champion.")] = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Put an alias, such as the champion, on a version."""
    with connect(url, key) as client:
        chosen = book_id(client, book)
        state = client.registry.promote(chosen, version, alias=alias, why=why, force=force)
        print_line(f"{alias} is version {state.version} now.")


@app.command()
def rollback(
    book: BookName, alias: Alias = "champion", why: Why = None, url: Url = DEFAULT_URL, key: Key = None
) -> None:
    """Put an alias back where it was before its last move; once more is one move further back."""
    with connect(url, key) as client:
        state = client.registry.rollback(book_id(client, book), alias=alias, why=why)
        print_line(f"{alias} is version {state.version} again.")


@app.command()
def history(
    book: BookName,
    alias: Annotated[str | None, typer.Option(help="Only the moves of this alias.")] = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Show every move of a book's aliases, newest first."""
    from app.terminal.versions import moves_table

    with connect(url, key) as client:
        Console().print(moves_table(client.registry.history(book_id(client, book), alias)))


@app.command()
def compare(
    book: BookName,
    one: Annotated[str, typer.Argument(help="A version's number, or an alias.")],
    other: Annotated[str, typer.Argument(help="Another.")],
    question: Annotated[list[str] | None, typer.Option(help="Ask both this; repeatable.")] = None,
    seed: Annotated[int, typer.Option(help="Of both versions' answers.")] = 0,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Put two versions side by side: recipes, losses, and what they answer."""
    from app.terminal.versions import comparison_report

    console = Console()
    with connect(url, key) as client:
        chosen = book_id(client, book)
        with console.status("both versions answer"):
            found = client.registry.compare(chosen, one, other, questions=question or None, seed=seed)
        console.print(comparison_report(found))


@app.command()
def prune(
    book: BookName,
    keep: Annotated[int, typer.Option(min=1, help="How many of the last versions to keep.")],
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Delete the members of old versions that no alias is on; their records stay."""
    with connect(url, key) as client:
        pruned = client.registry.prune(book_id(client, book), keep=keep)
        numbers = ", ".join(map(str, pruned))
        print_line(f"Pruned {numbers}." if pruned else "There was nothing to prune.")
