"""All commands, in the groups of their files."""

import importlib.metadata
from typing import Annotated

import typer

from app.cli import (
    add,
    ask,
    audit,
    bench,
    books,
    demo,
    doctor,
    evaluation,
    jobs,
    keys,
    maintenance,
    mcp,
    passages,
    questions,
    registry,
    serve,
    skill,
    transfer,
    watch,
)
from app.cli.words import CountedWords

app = typer.Typer(
    help="Answers questions about books with a chorus of soft prompts on one frozen LLM.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bookchorus {importlib.metadata.version('bookchorus')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which release this is.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    pass


# In the order of `bookchorus --help`.
for module in (
    *(serve, doctor, demo, add, watch, books, jobs, ask, passages, mcp, questions, registry, transfer),
    *(maintenance, audit, evaluation),
):
    app.add_typer(module.app)
for group, name in (
    (questions.changes, "question"),
    (keys.app, "keys"),
    (skill.app, "skill"),
    (bench.app, "bench"),
):
    app.add_typer(group, name=name)
for added in app.registered_groups:
    for command in [] if added.typer_instance is None else added.typer_instance.registered_commands:
        command.cls = CountedWords
