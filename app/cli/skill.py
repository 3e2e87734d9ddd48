"""The commands of the skill."""

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from app.cli.options import DataDir, json_object, one_line_store_errors, settings_with
from app.cli.output import Json, Output, print_line
from trainer.options import Method, What

if TYPE_CHECKING:
    from app.answering.skill_choice import Named

app = typer.Typer(help="The skill: how to answer from a passage.", no_args_is_help=True)


@app.command("train")
def train_skill(
    data: Annotated[Path, typer.Option(help="Questions to learn from: a split's folder or a JSONL file.")],
    what: Annotated[
        What, typer.Option(help="What is learned: to read and answer, or to ask questions about books.")
    ] = "read",
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
    with one_line_store_errors():
        from app.skill_training.command import train

        train(
            Console(),
            data,
            {"what": what, **(chosen or {})},
            out,
            licence,
            method=method,
            device=device,
            start=start,
            register=register,
        )


@app.command("list")
def list_skills(
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """List the skills of each LLM, and which is its champion. A service may run beside it."""
    with one_line_store_errors(as_json):
        from app import schemas
        from app.answering import skill_choice
        from app.resources.database import open_database
        from app.terminal.skills import skills_report

        with closing(open_database(settings_with(data_dir=data_dir))) as database, database.read() as session:
            found = [schemas.Skill(**asdict(one)) for one in skill_choice.list_skills(session)]
        Output(as_json).show(schemas.SkillList(data=found), skills_report(found))


@app.command("use")
def use_skill(
    wanted: Annotated[
        str,
        typer.Argument(
            help="A skill's number; shipped, for the package's own; or instruction, for none.",
            metavar="SKILL",
        ),
    ],
    model: Annotated[str | None, typer.Option(help="Of which LLM: as for serve.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Choose what the LLM answers behind. A running service takes it when it is started again."""
    chosen = _wanted(wanted)
    with one_line_store_errors():
        from app.answering.skill_choice import choose_skill
        from app.resources.database import open_database
        from app.resources.llm import llm_revision

        settings = settings_with(model=model, data_dir=data_dir)
        with closing(open_database(settings)) as database:
            skill = choose_skill(database, settings.model, llm_revision(settings), chosen)
        named = "The instruction" if skill is None else f"Skill {skill.number}"
        print_line(
            f"{named} is the champion of {settings.model} now; a running service takes it at its next start."
        )


def _wanted(text: str) -> "int | Named":
    match text:
        case "shipped" | "instruction":
            return text
    if text.isdecimal() and 0 < int(text) < 2**31:
        return int(text)
    raise typer.BadParameter("expected a skill's number, shipped or instruction", param_hint="SKILL")
