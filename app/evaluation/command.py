"""`bookchorus eval`: from the command's words to a table, a JSON file and pictures."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.status import Status

from app.answering.skill import active_skill
from app.datasets.loading import load_dataset
from app.datasets.metrics import (
    CORRECT,
    INTERVAL,
    abstention,
    interval,
    paired_interval,
    reliability,
    risk_coverage,
)
from app.datasets.questions import DataError, by_origin, sampled
from app.errors import CommandError
from app.evaluation import plots as pictures
from app.evaluation.predictions import Prediction
from app.evaluation.report import by_story, summarise, table, to_json
from app.evaluation.run import Evaluation
from app.evaluation.systems import SYSTEMS
from app.resources.database import open_database
from app.resources.llm import load_llm
from app.settings import load
from trainer.recipe import Recipe

# The table keeps its columns in a narrow window and in a file.
_WIDTH = 140
# A minute or two of learning for each story on two CPU cores, so that many stories can be measured.
RECIPE: dict[str, Any] = {"kinds": 2, "passages": 12, "epochs": 1000, "budget_tokens": 600}


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
) -> None:
    """Run an evaluation and show it. Raises CommandError with one line for what cannot be evaluated."""
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
    skill = active_skill(database, llm)
    database.close()
    if skill.is_instruction:
        console.print(
            f"{llm.identity.id} has learned no skill: it answers behind the hand-written instruction.",
            highlight=False,
        )
    new = [story.name for story in dataset.stories if story.digest not in skill.learned_from]
    if not new or (len(new) < len(dataset.stories) and not unseen):
        raise CommandError(
            f"The skill has learned from {len(dataset.stories) - len(new)} of these "
            f"{len(dataset.stories)} stories: what it answers about them says nothing. "
            "Leave them out with --unseen, or evaluate on others."
        )
    if unseen:
        dataset = dataset.of(new[:stories])
    if long_books:
        dataset = by_origin(dataset)
    dataset = sampled(dataset, questions or None)
    folder = cache or settings.data_dir / "evaluation"
    evaluation = Evaluation(llm, skill, dataset, chosen, learned, folder)
    with console.status("reads the stories") as status:
        found = evaluation.run(_shower(console, status))
    summaries = [*summarise(found), *summarise(_best_members(found))]
    # Each member alone and each smaller chorus are in the report; here they would hide the rest.
    main = [one for one in summaries if not re.fullmatch(r"member(_closed)? \d+|chorus N=\d+", one.system)]
    Console(width=max(console.width, _WIDTH)).print(table(main))
    comparisons, knows = _comparisons(found), _abstention(found)
    extra = {
        "data": str(data),
        "stories": [story.name for story in dataset.stories],
        "questions": len(dataset.questions),
        "recipe": learned.model_dump(),
        "llm": asdict(llm.identity),
        "skill": "instruction" if skill.is_instruction else skill.id,
        "comparisons": comparisons,
        "abstention": knows,
    }
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(to_json(summaries, extra), encoding="utf-8")
    if plots is not None:
        _draw(found, plots)
    for what, said in comparisons.items():
        console.print(f"{what}: {said}", highlight=False)
    if knows is not None:
        console.print(
            "abstains below a confidence of {least:.3f}: {own:.0%} of the questions, {others:.0%} of those "
            "asked of another story".format(**knows),
            highlight=False,
        )


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


def _best_members(found: Sequence[Prediction]) -> list[Prediction]:
    """The member with the best mean ROUGE-L on each story, chosen with hindsight."""
    best = []
    for system in ("member", "member_closed"):
        members = sorted({one.system for one in found if one.system.startswith(f"{system} ")})
        scores = {name: by_story(found, name) for name in members}
        for story in sorted({story for own in scores.values() for story in own}):
            winner = max(members, key=lambda name: scores[name].get(story, -1.0))
            best += [
                one.model_copy(update={"system": f"best {system}"})
                for one in found
                if one.system == winner and one.story == story
            ]
    return best


def _comparisons(found: Sequence[Prediction]) -> dict[str, str]:
    """The chorus compared with the other systems: mean difference, interval, and on how many stories it is
    above.
    """
    said: dict[str, str] = {}
    everything = [*found, *_best_members(found)]
    systems = {one.system for one in everything}
    if "chorus" not in systems:
        return said
    chorus = {(one.story, one.question): one.rouge_l for one in everything if one.system == "chorus"}
    for other in ("rag", "gold", "skill", "skill_apart", "member", "best member"):
        scores = {(one.story, one.question): one.rouge_l for one in everything if one.system == other}
        both = sorted(chorus.keys() & scores.keys())
        if not both:
            continue
        low, high = paired_interval([chorus[key] for key in both], [scores[key] for key in both])
        mean = sum(chorus[key] - scores[key] for key in both) / len(both)
        ours, theirs = by_story(everything, "chorus"), by_story(everything, other)
        above = sum(ours[story] > theirs[story] for story in ours.keys() & theirs.keys())
        said[f"chorus - {other}"] = (
            f"{mean:+.3f} ({INTERVAL}% {low:+.3f} to {high:+.3f}), above on {above} of {len(theirs)} stories"
        )
    return said


def _abstention(found: Sequence[Prediction]) -> dict[str, float] | None:
    """The confidence below which few questions would be declined, and how many asked of another story would
    be.
    """
    own, others = (
        [one.confidence for one in found if one.system == system and one.confidence is not None]
        for system in ("chorus", "elsewhere")
    )
    if not own or not others:
        return None
    least, share = abstention(own, others)
    return {"least": least, "own": sum(one < least for one in own) / len(own), "others": share}


def _draw(found: Sequence[Prediction], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    means = {system: [one.rouge_l for one in found if one.system == system] for system in _names(found)}
    points = {}
    for members in range(1, 65):
        scores = means.get(f"chorus N={members}")
        if scores:
            points[members] = (sum(scores) / len(scores), *interval(scores))
    if "chorus" in means and points:
        members = max(1, sum(name.startswith("member ") for name in means)) if "member" in means else 8
        points[members] = (sum(means["chorus"]) / len(means["chorus"]), *interval(means["chorus"]))
        lines: dict[str, float] = {
            name: sum(means[name]) / len(means[name]) for name in ("rag", "gold", "skill") if name in means
        }
        pictures.accuracy_against_members(points, folder / "members.png", lines)
    sure = {
        system: [one for one in found if one.system == system and one.confidence is not None]
        for system in ("chorus", "chorus: share")
    }
    sure = {system: own for system, own in sure.items() if own}
    if sure:
        pictures.risk_coverage_plot(
            {
                name: risk_coverage([one.confidence or 0.0 for one in own], [one.rouge_l for one in own])
                for name, own in sure.items()
            },
            folder / "risk_coverage.png",
        )
        pictures.reliability_plot(
            {
                name: reliability(
                    [one.confidence or 0.0 for one in own],
                    [float(one.rouge_l >= CORRECT) for one in own],
                )
                for name, own in sure.items()
            },
            folder / "reliability.png",
        )
    main = [one for one in found if " " not in one.system]
    pictures.systems_plot(summarise(main), folder / "systems.png")


def _names(found: Sequence[Prediction]) -> list[str]:
    return list(dict.fromkeys(one.system for one in found))
