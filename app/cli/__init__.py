"""The command line. Commands import what they need themselves, so that `bookchorus ask` starts at once."""

import sys

import typer

from app.cli import (
    ask,
    bench,
    books,
    demo,
    evaluation,
    maintenance,
    questions,
    registry,
    serve,
    skill,
    transfer,
)

app = typer.Typer(
    help="Answers questions about books with a chorus of soft prompts on one frozen LLM.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
# In the order of `bookchorus --help`.
for module in (serve, demo, books, ask, questions, registry, transfer, maintenance, evaluation):
    app.add_typer(module.app)
app.add_typer(questions.changes, name="question")
app.add_typer(skill.app, name="skill")
app.add_typer(bench.app, name="bench")


def main() -> None:
    """Run the command line; the entry point of `bookchorus`."""
    for stream in (sys.stdout, sys.stderr):
        # Bars and book text must not end a command on a terminal that knows ASCII only.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app(prog_name="bookchorus")
