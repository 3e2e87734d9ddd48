"""The commands that ask questions: one, or one after the other."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.cli.completion import book_names
from app.cli.names import book_version
from app.cli.options import DEFAULT_URL, Key, Url, connect
from app.cli.output import Json, Output, tell_failure
from app.which_book import as_named

if TYPE_CHECKING:
    from app.client import Client
    from app.schemas import Answer

app = typer.Typer()

Votes = Annotated[
    bool,
    typer.Option(
        "--votes",
        help="Show who said what, in which passage it was read, and what makes its share: how well the "
        "passage fits the question (the best: 100%), how probably it tells the answer, how sure the reader "
        "is of each word and, where the skill judges answers, how probably it is right.",
    ),
]
Passages = Annotated[
    bool, typer.Option("--passages", help="Show all passages that were found, not only the best two.")
]
# The exit status where the service declined to answer.
DECLINED = 3


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.", metavar="QUESTION")],
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
    thread: Annotated[
        str | None, typer.Option(help="Go on in the thread of this id; 'new' begins one and tells its id.")
    ] = None,
    votes: Votes = False,
    passages: Passages = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Ask the members; they answer, vote, and say where they read it. The status is 3 without an answer."""
    out = Output(as_json)
    with connect(url, key, as_json) as client:
        answer = show_answer(
            out,
            client,
            question,
            votes=votes,
            passages=passages,
            books=versions_named(client, book or ()),
            authors=author or None,
            tags=tag or None,
            k=k,
            samples=samples,
            temperature=temperature,
            seed=seed,
            min_confidence=min_confidence,
            members=members,
            thread=thread,
        )
        if thread == "new" and not as_json:
            out.console.print(f"thread {answer.thread}", highlight=False)
    if answer.answer is None:
        raise typer.Exit(DECLINED)


@app.command()
def chat(
    book: Annotated[
        str | None,
        typer.Argument(
            help="Ask this book, or BOOK@VERSION; by default the one found for each question.",
            metavar="BOOK",
            autocompletion=book_names,
        ),
    ] = None,
    votes: Votes = False,
    passages: Passages = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Ask again and again, until Ctrl-D or an empty line; of an input that is no terminal, every line."""
    from app.client import ClientError, NoAnswerError

    out, failed = Output(as_json), False
    thread: str | None = "new"
    with connect(url, key, as_json) as client:
        books = versions_named(client, () if book is None else (book,))
        for question in _questions("" if as_json else "? "):
            try:
                asked = {"books": books, "thread": thread}
                thread = show_answer(out, client, question, votes=votes, passages=passages, **asked).thread
            except NoAnswerError:
                # Nor would the next one be answered.
                raise
            except ClientError as error:
                tell_failure(error, as_json)
                failed = True
    if failed:
        raise typer.Exit(1)


def show_answer(
    out: Output, client: "Client", question: str, *, votes: bool, passages: bool, **asked: Any
) -> "Answer":
    """Ask as `Client.ask` does by what is `asked` besides; show who answers and the vote, then the answer."""
    from app.terminal.answers import answer_panel, vote_so_far, who_answers

    with out.console.status("looks for passages") as status:
        answer = client.ask(
            question,
            on_retrieved=lambda found: status.update(who_answers(found)),
            on_heard=lambda heard: status.update(vote_so_far(heard)),
            **asked,
        )
    out.show(answer, answer_panel(answer, votes=votes, passages=passages))
    return answer


def versions_named(client: "Client", names: Sequence[str]) -> list[str] | None:
    """Books and versions as the API names them; None, for the service to choose, where none is named."""
    return [as_named(*book_version(client, name)) for name in names] or None


def _questions(prompt: str) -> Iterator[str]:
    """What is typed on a terminal, up to an empty line or the end; of another input the lines."""
    if not sys.stdin.isatty():
        yield from filter(None, map(str.strip, sys.stdin))
        return
    # With it, input() keeps what was typed to go back to.
    with suppress(ImportError):
        import readline  # noqa: F401
    with suppress(EOFError):
        while line := input(prompt).strip():
            yield line
