"""`bookchorus eval`: from the command's words to a table, a JSON file and pictures."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.status import Status

from app.answering.skill import active_skill
from app.asking.asker import load_asker
from app.datasets.loading import load_dataset
from app.datasets.questions import DataError, by_origin, sampled
from app.errors import CommandError
from app.evaluation.bootstrap import Bootstrap, possible
from app.evaluation.comparisons import best_members, compared
from app.evaluation.declining import declined
from app.evaluation.pictures import draw
from app.evaluation.report import summarise, table, to_json
from app.evaluation.run import AT_ONCE, Evaluation
from app.evaluation.systems import BARE, GOLD, LEARNED, SYSTEMS
from app.resources.database import open_database
from app.resources.llm import load_llm
from app.settings import load
from trainer.recipe import Recipe

# The table keeps its columns in a narrow window and in a file.
_WIDTH = 140
# A minute or two of learning for each story on two CPU cores, so that many stories can be measured.
RECIPE: dict[str, Any] = {"kinds": 2, "questions": 2, "passages": 12, "epochs": 1000, "budget_tokens": 600}


def evaluate(
    console: Console,
    data: Path,
    *,
    systems: str,
    stories: int | None,
    questions: int,
    unseen: bool,
    long_books: bool,
    recipe: Mapping[str, Any],
    json_file: Path | None,
    plots: Path | None,
    cache: Path | None,
    bootstrap: Bootstrap,
    at_once: int | None,
    fold: bool,
) -> None:
    """Run an evaluation and show it; without `at_once`, as many questions at once as pay.

    A skill that is a LoRA is folded into the weights only with `fold`.

    Raises CommandError with one line for what cannot be evaluated.
    """
    chosen = list(SYSTEMS) if systems == "all" else [name.strip() for name in systems.split(",")]
    unknown = [name for name in chosen if name not in SYSTEMS]
    if unknown:
        raise CommandError(f"There is no system {unknown[0]!r}: choose from {', '.join(SYSTEMS)}.")
    try:
        dataset = load_dataset(data, None if unseen else stories)
        learned = Recipe(**{**RECIPE, **recipe})
    except (DataError, ValidationError) as error:
        raise CommandError(str(error)) from error
    settings = load({})
    llm = load_llm(settings)
    database = open_database(settings)
    skill = active_skill(database, llm, fold=settings.fold_skill and fold)
    database.close()
    # What an equipped LLM says is not what it says bare.
    bare = load_llm(settings) if skill.skill.method == "lora" and set(chosen) & BARE else llm
    if skill.is_instruction:
        console.print(
            f"{llm.identity.id} has learned no skill: it answers behind the hand-written instruction.",
            highlight=False,
        )
    asker = load_asker(settings.asker, llm)
    known = set(skill.learned_from)
    if asker is not None and set(chosen) & set(LEARNED):
        known |= asker.learned_from
    new = [story.name for story in dataset.stories if story.digest not in known]
    if not new or (len(new) < len(dataset.stories) and not unseen):
        raise CommandError(
            "The skill, or the asker that writes what members learn, has learned from "
            f"{len(dataset.stories) - len(new)} of these {len(dataset.stories)} stories: what is answered "
            "about them says nothing. Leave them out with --unseen, or evaluate on others."
        )
    if unseen:
        dataset = dataset.of(new[:stories])
    if long_books:
        dataset = by_origin(dataset)
    dataset = sampled(dataset, questions or None)
    folder = cache or settings.data_dir / "evaluation"
    at_once = at_once or (1 if llm.device.type == "cpu" else AT_ONCE)
    evaluation = Evaluation(llm, bare, skill, dataset, chosen, learned, folder, at_once, asker=asker)
    left_out = evaluation.left_out()
    for system, count in left_out.items():
        reason = "no sections are known to hold the answer" if system in GOLD else "there is no other story"
        said = f"{system} is not asked {count} of {len(dataset.questions)} questions: {reason}"
        console.print(said, highlight=False, soft_wrap=True)
    with console.status("reads the stories") as status:
        found = evaluation.run(_shower(console, status))
    if not found:
        raise CommandError("None of these systems can be asked any of these questions.")
    resampled = possible([question.story for question in dataset.questions], bootstrap)
    if resampled != bootstrap:
        said = "There is only one story: intervals are by question, and say nothing of other stories."
        console.print(said, highlight=False, soft_wrap=True)
    summaries = [*summarise(found, bootstrap), *summarise(best_members(found), bootstrap)]
    # Each member alone and each smaller chorus are in the report; here they would hide the rest.
    main = [one for one in summaries if not re.fullmatch(r"member(_closed)? \d+|chorus N=\d+", one.system)]
    Console(width=max(console.width, _WIDTH)).print(table(main))
    comparisons, thresholds = compared(found, bootstrap), declined(found)
    extra = {
        "data": str(data),
        "stories": [story.name for story in dataset.stories],
        "questions": len(dataset.questions),
        "left_out": left_out,
        "recipe": learned.model_dump(),
        "llm": asdict(llm.identity),
        "at_once": at_once,
        "bootstrap": resampled,
        "comparisons": [asdict(one) for one in comparisons],
        "abstention": [asdict(one) for one in thresholds],
        "skill": "instruction" if skill.is_instruction else skill.id,
    }
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(to_json(summaries, extra), encoding="utf-8")
    if plots is not None:
        draw(found, plots, bootstrap)
    for line in (*comparisons, *thresholds):
        console.print(str(line), highlight=False, soft_wrap=True)


def _shower(console: Console, status: Status) -> Callable[[str], None]:
    """Progress: a line that changes on a terminal; in a file, a line for each story."""
    shown: set[str] = set()

    def show(what: str) -> None:
        status.update(what)
        place = what.partition(": ")[0]
        if not console.is_terminal and place not in shown:
            shown.add(place)
            console.print(place, highlight=False)

    return show
