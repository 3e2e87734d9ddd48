"""The commands of the skill."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.cli.options import json_object, one_line_errors
from trainer.options import Method

app = typer.Typer(help="The skill: how to answer from a passage.", no_args_is_help=True)


@app.command("train")
def train_skill(
    data: Annotated[Path, typer.Option(help="Questions to learn from: a split's folder or a JSONL file.")],
    method: Annotated[
        Method | None,
        typer.Option(help="What the skill is; by default lora for an LLM of up to 4 billion parameters."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where to learn: auto, cpu, cuda or cuda:N.")] = None,
    recipe: Annotated[str | None, typer.Option(help="How to learn, as JSON.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the skill and what training needs to go on.")] = Path(
        "skill"
    ),
    start: Annotated[Path | None, typer.Option(help="Go on from this skill's file.")] = None,
    licence: Annotated[str, typer.Option(help="The data's licence, for the record.")] = "unknown",
    register: Annotated[bool, typer.Option(help="Make it the LLM's champion in the registry.")] = True,
) -> None:
    """Learn a skill for the LLM; a run that was stopped goes on where it was."""
    chosen = json_object(recipe)
    with one_line_errors():
        from app.skill_training.command import train

        train(
            Console(),
            data,
            chosen or {},
            out,
            licence,
            method=method,
            device=device,
            start=start,
            register=register,
        )
