"""The demo: start the service, learn the sample book, ask it, and show everything on the way."""

import os
import socket
import sys
from importlib import resources
from pathlib import Path

from pydantic import BaseModel
from rich.console import Console, Group
from rich.text import Text

from app.cli.child_process import Child
from app.client import Client, ClientError
from app.errors import CommandError
from app.schemas import Book
from app.settings import load
from app.terminal import answers as draw
from app.terminal.training import watch

HOST = "127.0.0.1"
PORT = 8000
RECIPE = {"budget_seconds": 240}
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


def demo(console: Console, *, then_exit: bool) -> None:
    """Show the whole of Bookchorus on the sample book, then serve until Ctrl-C or, with `then_exit`, stop.

    Raises CommandError or ClientError when anything fails; the service is ended in every case.
    """
    settings = load({"host": HOST})
    key = settings.admin_key.get_secret_value() if settings.admin_key else None
    folder = settings.data_dir / "demo"
    port = free_port()
    url = f"http://{HOST}:{port}"
    console.print(Text("Bookchorus", f"bold {draw.ACCENT}").append(" on the sample book", draw.LABEL))
    command = [sys.executable, "-P", "-m", "app.cli", "serve", "--end-with-stdin", "--host", HOST]
    command += ["--port", str(port), "--data-dir", str(folder)]
    with (
        Client(url, key, attempts=4) as client,
        Child(command, folder / "serve.log", _environment()) as child,
    ):
        try:
            _heading(console, 1, "Start", f"the service at {url}, data and log in {folder}")
            with console.status("loads the frozen LLM, the retriever and the database"):
                child.wait_ready(client)
            tour(console, client)
            if not then_exit:
                _stay(console, child, url)
        except ClientError as error:
            if child.ended:
                raise CommandError(f"The service ended.\n{child.tail()}") from error
            raise
        finally:
            with console.status("stops the service"):
                child.stop()


def tour(console: Console, client: Client) -> None:
    """Learn the sample book at a running service, ask its first questions, and show its prompts."""
    files = resources.files("app") / "sample"
    sample = Sample.model_validate_json((files / "questions.json").read_bytes())
    with resources.as_file(files / sample.book) as path:
        _heading(console, 2, "Learn", f"{sample.title} by {sample.author}")
        book = learned(console, client, path, sample)
    _heading(console, 3, "Ask", book.title)
    for question in sample.questions[:QUESTIONS]:
        with console.status(Text("the members answer: ").append_text(draw.plain(question.question))):
            answer = client.ask(question.question)
        console.print(draw.answer_panel(answer, expected=" / ".join(question.answers)))
    _heading(console, 4, "Look", "at what was learned")
    console.print(draw.prompts_table(client.prompts()))


def learned(console: Console, client: Client, path: Path, sample: Sample) -> Book:
    """Return the sample book once a version of it is learned, which an earlier run may have done."""
    added = client.add(path, title=sample.title, author=sample.author, recipe=RECIPE)
    if added.book.state == "ready":
        console.print(Text("It is here and learned already; questions come next.", draw.GAIN))
        return added.book
    # A run that was broken off leaves its job behind, which goes on, or a book without one.
    job = added.job if added.book.state in ("queued", "training") else None
    watch(console, client, job or client.train(added.book.id, recipe=RECIPE), sample.title)
    return added.book


def free_port() -> int:
    """Choose port 8000 where it is free, or else one that the system offers."""
    for port in (PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CommandError(f"No port of {HOST} is free.")


def _environment() -> dict[str, str]:
    """Return the child's environment: the user's, but for what would lead it to other data or other code."""
    environment = {name: value for name, value in os.environ.items() if name != "BOOKCHORUS_DATABASE_URL"}
    # With -P, a folder `app` where the user stands is not taken for ours; this names ours.
    here = str(Path(__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [here, environment.get("PYTHONPATH")]))
    return environment


def _stay(console: Console, child: Child, url: str) -> None:
    ask = 'bookchorus ask "…"' if url.endswith(f":{PORT}") else f'bookchorus ask "…" --url {url}'
    console.print(
        Group(
            Text.assemble(
                ("The service stays at ", ""), (url, f"bold {draw.ACCENT}"), f" (API: {url}/docs)."
            ),
            Text.assemble("Ask on from another terminal: ", (ask, "bold")),
            Text("Ctrl-C stops it.", draw.LABEL),
        )
    )
    try:
        child.wait()
    except KeyboardInterrupt:
        console.print()
        return
    raise CommandError(f"The service ended.\n{child.tail()}")


def _heading(console: Console, number: int, what: str, of: str) -> None:
    title = Text.assemble((f"{number}  {what} ", f"bold {draw.ACCENT}"), draw.plain(of, draw.LABEL))
    console.print()
    console.print(title)
