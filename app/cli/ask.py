"""The command that asks a question."""

from typing import Annotated, Literal

import typer

from app.cli.completion import book_names
from app.cli.names import book_version
from app.cli.options import DEFAULT_URL, Key, Url, connect
from app.cli.output import Json, Output

app = typer.Typer()

# The exit status where the service declined to answer.
DECLINED = 3


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    book: Annotated[
        list[str] | None,
        typer.Option(
            help="Ask this book, or BOOK@VERSION; repeatable.", metavar="BOOK", autocompletion=book_names
        ),
    ] = None,
    author: Annotated[list[str] | None, typer.Option(help="Ask a book by this one; repeatable.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Ask a book with this tag; repeatable.")] = None,
    k: Annotated[int | None, typer.Option(help="How many passages to read.")] = None,
    samples: Annotated[int | None, typer.Option(help="How many answers of each member.")] = None,
    temperature: Annotated[float | None, typer.Option(help="How freely the members speak.")] = None,
    seed: Annotated[int | None, typer.Option(help="For the same answer again.")] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            help="Below it, no answer but the reason. 0: always an answer; without it, the skill's."
        ),
    ] = None,
    members: Annotated[
        # app.schemas.MembersChoice, which takes a while to import.
        Literal["auto", "always", "never"],
        typer.Option(help="Whether a version's members answer; auto: unless they are known to do harm."),
    ] = "auto",
    votes: Annotated[bool, typer.Option("--votes", help="Show who said what.")] = False,
    passages: Annotated[
        bool, typer.Option("--passages", help="Show all passages that were read, not only the best two.")
    ] = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Ask the members; they answer, vote, and say where they read it. The status is 3 without an answer."""
    from app.terminal.answers import answer_panel, vote_so_far

    out = Output(as_json)
    with connect(url, key, as_json) as client:
        named = [book_version(client, name) for name in book or ()]
        with out.console.status("the members answer") as status:
            answer = client.ask(
                question,
                books=[found if version is None else f"{found}@{version}" for found, version in named]
                or None,
                authors=author or None,
                tags=tag or None,
                k=k,
                samples=samples,
                temperature=temperature,
                seed=seed,
                min_confidence=min_confidence,
                members=members,
                on_heard=lambda heard: status.update(vote_so_far(heard)),
            )
        out.show(answer, answer_panel(answer, votes=votes, passages=passages))
    if answer.answer is None:
        raise typer.Exit(DECLINED)
