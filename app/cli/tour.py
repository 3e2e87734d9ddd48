"""The demo's tour of a running service: learn the sample book, ask it, look at what was learned."""

from importlib import resources
from pathlib import Path

from pydantic import BaseModel
from rich.console import Console
from rich.text import Text

from app.client import Client
from app.schemas import Book
from app.terminal.answers import answer_panel
from app.terminal.theme import ACCENT, GAIN, LABEL, plain
from app.terminal.training import show_training
from app.terminal.versions import versions_table

# The whole tour takes less than three minutes on two CPU cores: questions about few passages, and members
# that are small enough to make some steps.
RECIPE = {"members": 4, "virtual_tokens": 20, "budget_seconds": 75, "passages": 4}
QUESTIONS = 3


class SampleQuestion(BaseModel):
    """A question about the sample book, answers that count as right, and the text that holds them."""

    question: str
    answers: list[str]
    passage: str


class Sample(BaseModel):
    """The sample book: its file beside questions.json, and questions about it."""

    book: str
    title: str
    author: str
    questions: list[SampleQuestion]


def tour(console: Console, client: Client) -> None:
    """Learn the sample book, ask its first questions, and show its versions.

    Raises ClientError where the service refuses, fails or is lost.
    """
    files = resources.files("app") / "sample"
    sample = Sample.model_validate_json((files / "questions.json").read_bytes())
    with resources.as_file(files / sample.book) as path:
        heading(console, 2, "Learn", f"{sample.title} by {sample.author}")
        book = learn_sample(console, client, path, sample)
    heading(console, 3, "Ask", book.title)
    for question in sample.questions[:QUESTIONS]:
        with console.status(Text("the members answer: ").append_text(plain(question.question))):
            answer = client.ask(question.question)
        console.print(answer_panel(answer, expected=" / ".join(question.answers), passages=False))
    heading(console, 4, "Look", "at what was learned")
    console.print(versions_table(client.versions()))


def learn_sample(console: Console, client: Client, path: Path, sample: Sample) -> Book:
    """Return the sample book once a version of it is learned, which an earlier run may have done."""
    added = client.add(path, title=sample.title, author=sample.author, recipe=RECIPE)
    if added.book.state == "ready":
        console.print(Text("It is here and learned already; questions come next.", GAIN))
        return added.book
    # A run that was broken off leaves its job behind, which goes on, or a book without one.
    job = added.job if added.book.state in ("queued", "training") else None
    show_training(console, client, job or client.train(added.book.id, recipe=RECIPE))
    return added.book


def heading(console: Console, number: int, what: str, of: str) -> None:
    """Print the heading of one of the tour's steps."""
    console.print()
    console.print(Text.assemble((f"{number}  {what} ", f"bold {ACCENT}"), plain(of, LABEL)))
