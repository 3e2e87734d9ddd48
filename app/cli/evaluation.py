"""The command that measures how good answers are."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.cli.options import one_line_store_errors, recipe_of_version
from app.evaluation.bootstrap import Bootstrap

app = typer.Typer()


@app.command("eval")
def measure_answers(
    data: Annotated[Path, typer.Option(help="A split's folder (stories/, questions/), or a JSONL file.")],
    systems: Annotated[str, typer.Option(help="Which to compare, with commas, or all.")] = "all",
    stories: Annotated[int | None, typer.Option(help="The first so many stories.")] = None,
    questions: Annotated[int, typer.Option(help="At most so many questions a story; 0 for all.")] = 12,
    quick: Annotated[bool, typer.Option("--quick", help="4 stories, 6 questions each.")] = False,
    unseen: Annotated[
        bool, typer.Option(help="Leave out the stories that the skill has learned from.")
    ] = False,
    long_books: Annotated[bool, typer.Option("--long", help="Join all stories of one origin.")] = False,
    recipe: Annotated[str | None, typer.Option(help="How members are learned, as JSON.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report there.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Draw the pictures into this folder.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Where versions and answers are kept.")] = None,
    bootstrap: Annotated[
        Bootstrap, typer.Option(help="Intervals resample each story, or question.")
    ] = "story",
    at_once: Annotated[
        int | None, typer.Option(min=1, help="Questions asked at once: 1 on a CPU, 32 on a GPU.")
    ] = None,
    fold: Annotated[
        bool, typer.Option(help="Fold a skill that is a LoRA into the weights, or run it beside them.")
    ] = True,
) -> None:
    """Measure how good answers are, system by system, on questions with known answers."""
    chosen = recipe_of_version(recipe)
    with one_line_store_errors():
        from app.evaluation.command import evaluate

        evaluate(
            Console(),
            data,
            systems=systems,
            stories=4 if quick and stories is None else stories,
            questions=6 if quick else questions,
            unseen=unseen,
            long_books=long_books,
            recipe=chosen or {},
            json_file=json_file,
            plots=plots,
            cache=cache,
            bootstrap=bootstrap,
            at_once=at_once,
            fold=fold,
        )
