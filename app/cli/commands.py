"""All commands, in the groups of their files."""

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
    questions,
    registry,
    serve,
    skill,
    transfer,
)

app = typer.Typer(
    help="Answers questions about books with a chorus of soft prompts on one frozen LLM.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
# In the order of `bookchorus --help`.
for module in (
    *(serve, doctor, demo, add, books, jobs, ask, mcp, questions, registry, transfer),
    *(maintenance, audit, evaluation),
):
    app.add_typer(module.app)
app.add_typer(questions.changes, name="question")
app.add_typer(keys.app, name="keys")
app.add_typer(skill.app, name="skill")
app.add_typer(bench.app, name="bench")
