"""The command that asks a question."""

from typing import Annotated, Literal

import typer
from rich.console import Console

from app.cli.options import DEFAULT_URL, Key, Url, book_version, connect

app = typer.Typer()


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    book: Annotated[
        list[str] | None,
        typer.Option(help="Ask the book of this id or title, or BOOK@VERSION; repeatable.", metavar="BOOK"),
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
    thread: Annotated[
        str | None, typer.Option(help="Go on in the thread of this id; 'new' begins one and tells its id.")
    ] = None,
    votes: Annotated[bool, typer.Option("--votes", help="Show who said what.")] = False,
    passages: Annotated[
        bool, typer.Option("--passages", help="Show all passages that were read, not only the best two.")
    ] = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Ask the members; they answer, vote, and say where they read it."""
    from app.terminal.answers import answer_panel, vote_so_far

    console = Console()
    with connect(url, key) as client:
        named = [book_version(client, name) for name in book or ()]
        with console.status("the members answer") as status:
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
                thread=thread,
                on_heard=lambda heard: status.update(vote_so_far(heard)),
            )
        console.print(answer_panel(answer, votes=votes, passages=passages))
        if thread == "new":
            console.print(f"thread {answer.thread}", highlight=False)
