"""The commands about the questions that versions of a book learn from: list, add, correct and remove them."""

from typing import Annotated, Literal

import typer

from app.cli.names import BookName, book_id
from app.cli.options import DEFAULT_URL, Key, Url, connect
from app.cli.output import Json, Output

app = typer.Typer()
changes = typer.Typer(
    help="The questions that versions of a book learn from: add, correct and remove.", no_args_is_help=True
)

# The same as app.schemas.QuestionSource, which takes a while to import.
Source = Literal["llm", "person"]
QuestionId = Annotated[str, typer.Argument(help="The question's id.", metavar="ID")]
Passage = Annotated[int | None, typer.Option(min=0, help="The passage's number in the book, from 0.")]


@app.command()
def questions(
    book: BookName,
    kind: Annotated[str | None, typer.Option(help="Only those of this kind, such as who or why.")] = None,
    source: Annotated[Source | None, typer.Option(help="Only the LLM's, or only people's.")] = None,
    passage: Passage = None,
    revision: Annotated[
        int | None, typer.Option(min=1, help="Of this text of the book; by default the newest.")
    ] = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """List the questions that the next version of a book learns from, and their answers."""
    from app.terminal.questions import questions_table

    with connect(url, key, as_json) as client:
        chosen = book_id(client, book)
        found = client.questions.of(chosen, kind=kind, source=source, passage=passage, revision=revision)
        Output(as_json).show_list(found, questions_table(found))


@changes.command()
def add(
    book: BookName,
    question: Annotated[str, typer.Argument(help="What to ask.", metavar="QUESTION")],
    answer: Annotated[str, typer.Argument(help="What to answer.", metavar="ANSWER")],
    passage: Passage = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Add a question of your own, which is always learned and weighs more."""
    with connect(url, key, as_json) as client:
        added = client.questions.add(book_id(client, book), question, answer, passage=passage)
        said = f"{added.id} is about passage {added.passage}. The next version learns it."
        Output(as_json).show(added, said)


@changes.command()
def correct(
    book: BookName,
    question: QuestionId,
    text: Annotated[str | None, typer.Option(help="What it asks instead.")] = None,
    answer: Annotated[str | None, typer.Option(help="What is answered instead.")] = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Correct a question, its answer, or both; from then on it is always learned and weighs more."""
    with connect(url, key, as_json) as client:
        now = client.questions.correct(book_id(client, book), question, text=text, answer=answer)
        Output(as_json).show(now, f"{now.text} {now.answer}")


@changes.command()
def remove(
    book: BookName,
    question: Annotated[list[str], typer.Argument(help="The questions' ids.", metavar="ID...")],
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Remove questions, so that they are never learned again."""
    from app.schemas import ChangedQuestions

    with connect(url, key, as_json) as client:
        chosen = book_id(client, book)
        removed = client.questions.remove(chosen, question)
        changed = ChangedQuestions(book=chosen, questions=[], removed=removed)
        Output(as_json).show(changed, f"Removed {', '.join(removed)}.")
