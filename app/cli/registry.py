"""The commands of the registry: list versions, show one, promote, roll back, compare, prune."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli.names import BookFilter, BookName, BookVersion, book_id, book_version
from app.cli.options import DEFAULT_URL, Key, Url, connect
from app.cli.output import Json, Output

if TYPE_CHECKING:
    from app.client import Client
    from app.schemas import AliasState, PromptVersion

app = typer.Typer()

# The same as app.schemas.VersionState, which takes a while to import.
State = Literal["live", "damaged", "pruned"]
Alias = Annotated[str, typer.Option(help="Which alias.")]
Why = Annotated[str | None, typer.Option(help="The reason, for the history.")]


# Under the name that the HTTP API has for them, too.
@app.command("prompts", hidden=True)
@app.command()
def versions(
    book: BookFilter = None,
    alias: Annotated[str | None, typer.Option(help="Only those with this alias.")] = None,
    base_model: Annotated[str | None, typer.Option(help="Only those of this LLM.")] = None,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """List the versions of books: members, LLM, losses, aliases."""
    from app.terminal.versions import versions_table

    with connect(url, key, as_json) as client:
        chosen = None if book is None else book_id(client, book)
        found = client.versions(book=chosen, alias=alias, base_model=base_model, state=state)
        Output(as_json).show_list(found, versions_table(found))


@app.command()
def show(
    book: BookVersion,
    version: Annotated[
        str | None,
        typer.Argument(help="A version's number, or an alias; the same as BOOK@VERSION.", metavar="VERSION"),
    ] = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Show one version: how it was learned, and how each member fared."""
    from app.terminal.versions import version_panel

    with connect(url, key, as_json) as client:
        found, named = book_version(client, book) if version is None else (book_id(client, book), version)
        shown = client.registry.version(found, named or "champion")
        Output(as_json).show(shown, version_panel(shown))


@app.command()
def promote(
    book: BookName,
    version: Annotated[int, typer.Argument(help="The version's number.", metavar="VERSION")],
    alias: Alias = "champion",
    why: Why = None,
    force: Annotated[bool, typer.Option("--force", help="Even if it is worse than the champion.")] = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Put an alias, such as the champion, on a version."""
    with connect(url, key, as_json) as client:
        chosen = book_id(client, book)
        state = client.registry.promote(chosen, version, alias=alias, why=why, force=force)
        told = "now" if state.moved else "already: nothing was changed"
        _show_moved(Output(as_json), client, state, told)


@app.command()
def rollback(
    book: BookName,
    alias: Alias = "champion",
    why: Why = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Put an alias back where it was before its last move; once more is one move further back."""
    with connect(url, key, as_json) as client:
        state = client.registry.rollback(book_id(client, book), alias=alias, why=why)
        _show_moved(Output(as_json), client, state, "again")


@app.command()
def history(
    book: BookName,
    alias: Annotated[str | None, typer.Option(help="Only the moves of this alias.")] = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Show every move of a book's aliases, newest first."""
    from app.terminal.versions import moves_table

    with connect(url, key, as_json) as client:
        moves = client.registry.history(book_id(client, book), alias)
        Output(as_json).show_list(moves, moves_table(moves))


@app.command()
def compare(
    book: BookName,
    one: Annotated[str, typer.Argument(help="A version's number, or an alias.", metavar="VERSION")],
    other: Annotated[str, typer.Argument(help="Another one's.", metavar="OTHER_VERSION")],
    question: Annotated[list[str] | None, typer.Option(help="Ask both this; repeatable.")] = None,
    seed: Annotated[int, typer.Option(help="Of both versions' answers.")] = 0,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Put two versions side by side: recipes, losses, and what they answer."""
    from app.terminal.comparison import comparison_report, question_line

    out = Output(as_json)
    with connect(url, key, as_json) as client:
        chosen = book_id(client, book)
        with out.console.status("reads both versions") as status:

            def told(number: int, total: int, asked: str) -> None:
                line = question_line(number, total, asked)
                status.update(line)
                if not (out.console.is_terminal or as_json):
                    out.console.print(line, soft_wrap=True)

            found = client.registry.compare(
                chosen, one, other, questions=question or None, seed=seed, on_question=told
            )
        out.show(found, comparison_report(found))


@app.command()
def prune(
    book: BookName,
    keep: Annotated[int, typer.Option(min=1, help="How many of the last versions to keep.")],
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Delete the members of old versions that no alias is on; their records stay."""
    from app.schemas import Pruned

    with connect(url, key, as_json) as client:
        chosen = book_id(client, book)
        pruned = Pruned(book=chosen, versions=client.registry.prune(chosen, keep=keep))
        numbers = ", ".join(map(str, pruned.versions))
        Output(as_json).show(pruned, f"Pruned {numbers}." if numbers else "There was nothing to prune.")


def tell_silence(out: Output, version: "PromptVersion") -> None:
    """Say why the members of a version that is put in use will not answer, where that is so."""
    from app.terminal.contribution import silence_text

    if (why := silence_text(version)) is not None:
        out.console.print(why, soft_wrap=True)


def _show_moved(out: Output, client: "Client", state: "AliasState", told: str) -> None:
    """Say which version an alias is on, and where the members of that will not answer, why."""
    out.show(state, f"{state.alias} is version {state.version} {told}.")
    if state.version is not None:
        tell_silence(out, client.registry.version(state.book, state.version))
