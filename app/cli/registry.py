"""The commands of the registry: promote a version, roll back, look at the history, compare, prune."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.cli.options import DEFAULT_URL, Key, Url, book_id, connected, failing_in_one_line

app = typer.Typer()

Book = Annotated[str, typer.Argument(help="The book's id, or its title.", metavar="BOOK")]
Alias = Annotated[str, typer.Option(help="Which alias.")]
Why = Annotated[str | None, typer.Option(help="The reason, for the history.")]


@app.command()
def show(
    book: Book,
    version: Annotated[str, typer.Argument(help="A version's number, or an alias.")] = "champion",
    url: Url = DEFAULT_URL,
    admin_key: Key = None,
) -> None:
    """Show one version: how it was learned, and how each member fared."""
    from app.terminal.versions import version_sheet

    with failing_in_one_line(), connected(url, admin_key) as client:
        Console().print(version_sheet(client.registry.version(book_id(client, book), version)))


@app.command()
def promote(
    book: Book,
    version: Annotated[int, typer.Argument(help="The version's number.")],
    alias: Alias = "champion",
    why: Why = None,
    force: Annotated[bool, typer.Option("--force", help="Even if it is worse than the champion.")] = False,
    url: Url = DEFAULT_URL,
    admin_key: Key = None,
) -> None:
    """Put an alias, such as the champion, on a version."""
    with failing_in_one_line(), connected(url, admin_key) as client:
        chosen = book_id(client, book)
        state = client.registry.promote(chosen, version, alias=alias, why=why, force=force)
        _say(f"{alias} is version {state.version} now.")


@app.command()
def rollback(
    book: Book, alias: Alias = "champion", why: Why = None, url: Url = DEFAULT_URL, admin_key: Key = None
) -> None:
    """Put an alias back where it was before its last move; once more is one move further back."""
    with failing_in_one_line(), connected(url, admin_key) as client:
        state = client.registry.rollback(book_id(client, book), alias=alias, why=why)
        _say(f"{alias} is version {state.version} again.")


@app.command()
def history(
    book: Book,
    alias: Annotated[str | None, typer.Option(help="Only the moves of this alias.")] = None,
    url: Url = DEFAULT_URL,
    admin_key: Key = None,
) -> None:
    """Show every move of a book's aliases, newest first."""
    from app.terminal.versions import moves_table

    with failing_in_one_line(), connected(url, admin_key) as client:
        Console().print(moves_table(client.registry.history(book_id(client, book), alias)))


@app.command()
def compare(
    book: Book,
    one: Annotated[str, typer.Argument(help="A version's number, or an alias.")],
    other: Annotated[str, typer.Argument(help="Another.")],
    question: Annotated[list[str] | None, typer.Option(help="Ask both this; repeatable.")] = None,
    seed: Annotated[int, typer.Option(help="Of both versions' answers.")] = 0,
    url: Url = DEFAULT_URL,
    admin_key: Key = None,
) -> None:
    """Put two versions side by side: recipes, losses, and what they answer."""
    from app.terminal.versions import comparison_sheet

    console = Console()
    with failing_in_one_line(), connected(url, admin_key) as client:
        with console.status("both versions answer"):
            found = client.registry.compare(
                book_id(client, book), one, other, questions=question or None, seed=seed
            )
        console.print(comparison_sheet(found))


@app.command()
def prune(
    book: Book,
    keep: Annotated[int, typer.Option(min=1, help="How many of the last versions to keep.")],
    url: Url = DEFAULT_URL,
    admin_key: Key = None,
) -> None:
    """Let go of the soft prompts of old versions that no alias is on; their records stay."""
    with failing_in_one_line(), connected(url, admin_key) as client:
        pruned = client.registry.prune(book_id(client, book), keep=keep)
        numbers = ", ".join(map(str, pruned))
        _say(f"Pruned {numbers}." if pruned else "There was nothing to prune.")


def _say(words: str) -> None:
    Console(soft_wrap=True).print(Text(words))
