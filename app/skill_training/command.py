"""`bookchorus skill train`: from questions with answers to a registered skill with its weighting."""

import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from app.answering.skill import LoadedSkill, register_skill
from app.datasets.library import Library
from app.datasets.loading import load_dataset
from app.datasets.questions import DataError
from app.engine.local_engine import LocalEngine
from app.engine.runner import DirectRunner
from app.errors import CommandError
from app.resources.database import open_database
from app.resources.llm import load_llm
from app.settings import load
from app.skill_training.candidates import crossed_candidates
from app.skill_training.examples import digest, examples, split
from app.skill_training.fitting import fit_calibration, fit_weighting
from app.skill_training.resumable_run import Loss, ResumableRun
from app.skill_training.samples import collect_samples
from trainer.llm.microbatches import Microbatches
from trainer.methods.tensors import FormatError
from trainer.options import Method
from trainer.skill.recipe import default_method, skill_recipe
from trainer.skill.skill import SkillMismatchError, skill_from_bytes, skill_to_train
from trainer.skill.training import train_skill, train_starts

_HELDOUT_EXAMPLES = 48


def train(
    console: Console,
    data: Path,
    recipe: Mapping[str, Any],
    out: Path,
    licence: str,
    *,
    method: Method | None = None,
    device: str | None = None,
    start: Path | None = None,
    register: bool,
) -> None:
    """Learn, fit, write the files and register; `start` is a skill's file to go on from.

    Without a method it is that of `start`, else the LLM's default. Raises CommandError with one line for
    unusable data.
    """
    try:
        dataset = load_dataset(data)
        begun = start.read_bytes() if start else None
        origin = skill_from_bytes(begun) if begun else None
        method = _named(method, recipe)
        settled = skill_recipe(method or (origin.method if origin else "lora"), recipe)
    except (DataError, ValidationError, FormatError, OSError) as error:
        raise CommandError(str(error)) from error
    if origin is not None and origin.method != settled.method:
        raise CommandError(f"{start} is a {origin.method}: go on with that method, or without --start.")
    if len(dataset.stories) < 2:
        raise CommandError("A skill needs at least two stories: one to learn from, one to check on.")
    before = _learned_before(start)
    parts = split(dataset, before)
    if not parts.fitting.stories:
        raise CommandError(
            "The skill to go on from has learned from all stories that are held back: "
            "there is nothing to fit on."
        )
    if settled.steps == 0 and origin is None:
        raise CommandError("With no steps there is no skill: name one to go on from with --start.")
    if settled.steps == 0 and settled.what == "ask":
        raise CommandError("With no steps no asker is learned.")
    settings = load({} if device is None else {"device": device})
    llm = load_llm(settings)
    if method is None and origin is None:
        settled = skill_recipe(default_method(llm), recipe)
    try:
        skill = origin or skill_to_train(llm, settled.method, settled.rank, settled.seed)
        skill.equip(llm, fold=False)
        skill.context(llm)
    except SkillMismatchError as error:
        raise CommandError(str(error)) from error
    known = settled.model_dump() | {"start": hashlib.sha256(begun).hexdigest() if begun else None}
    learned_on = digest(dataset)
    skill_run = ResumableRun(console, out / "state.safetensors", "the skill", known, learned_on)
    starts_run = ResumableRun(console, out / "starts.safetensors", "where members start", known, learned_on)
    # Before anything is written into the folder, which may be that of another run.
    for run, steps in ((skill_run, settled.steps), (starts_run, settled.starts.steps)):
        if steps:
            run.check()
    out.mkdir(parents=True, exist_ok=True)
    library = Library(dataset.stories, out / "library")
    held = [one for own in examples(parts.checking, library).values() for one in own]
    held = random.Random(settled.seed).sample(held, min(_HELDOUT_EXAMPLES, len(held)))
    by_story = examples(parts.learning, library)
    learned_from = [one for own in by_story.values() for one in own]
    if not held or not learned_from:
        raise CommandError("No answer was found in the stories: there is nothing to learn from.")
    passes = Microbatches(llm.device, settings.pass_tokens)
    metrics: dict[str, list[Loss]] = {}
    judges = settled.judge and llm.can_judge
    source = {
        "source": data.name,
        "licence": licence,
        "sha256": learned_on,
        "learned_from": sorted({story.digest for story in parts.learning.stories} | before),
    }
    if settled.what == "ask":
        library.close()
        tensors, metrics["heldout"] = skill_run.follow(
            lambda state: train_skill(llm, learned_from, held, settled, state, skill, passes)
        )
        asker = skill.with_tensors(tensors).to_bytes({"bookchorus asker": llm.identity.id})
        notes = {"llm": asdict(llm.identity), "recipe": known, "data": source, "metrics": metrics}
        (out / "asker.safetensors").write_bytes(asker)
        (out / "asker.json").write_text(json.dumps(notes, indent=2), encoding="utf-8")
        console.print(f"The asker is in {out}: name asker.safetensors in BOOKCHORUS_ASKER.", highlight=False)
        return
    if settled.steps:
        rows = learned_from
        if judges:
            judged = crossed_candidates(console, llm, parts.learning, by_story, library, settled, out, passes)
            rows = [replace(one, judged=judged.get(one.passage, ())) for one in learned_from]
        tensors, metrics["heldout"] = skill_run.follow(
            lambda state: train_skill(llm, rows, held, settled, state, skill, passes)
        )
        skill = skill.with_tensors(tensors)
    skill.equip(llm)
    if settled.starts.steps:
        context = replace(skill, starts=None)
        (starts,), metrics["starts"] = starts_run.follow(
            lambda state: train_starts(llm, context, learned_from, held, settled.starts, state, passes)
        )
        skill = replace(skill, starts=starts)
    with console.status("asks what to fit on") as status:
        engine = LocalEngine(DirectRunner(llm), skill=skill)
        samples = collect_samples(engine, parts.fitting, library, judges, status.update)
    library.close()
    weighting = fit_weighting(samples)
    # A skill that learned nothing more keeps its bytes, and the versions that were learned behind it.
    unchanged = begun if skill is origin else None
    learned = LoadedSkill(
        skill=skill,
        artifact=unchanged or skill.to_bytes({"bookchorus skill": llm.identity.id}),
        weighting=weighting,
        recipe=known,
        data=source | {"fitted_on": {"stories": len(parts.fitting.stories), "questions": len(samples)}},
        metrics=metrics,
        calibration=fit_calibration(samples, weighting),
    )
    notes = {
        "llm": asdict(llm.identity),
        "recipe": learned.recipe,
        "data": learned.data,
        "metrics": learned.metrics,
        **learned.fitted,
    }
    (out / "skill.safetensors").write_bytes(learned.artifact)
    (out / "skill.json").write_text(json.dumps(notes, indent=2), encoding="utf-8")
    console.print(f"The skill is in {out}.")
    if register:
        database = open_database(settings)
        row = register_skill(database, llm.identity, learned)
        console.print(f"Skill {row.number} is registered.")
        database.close()


def _named(method: Method | None, recipe: Mapping[str, Any]) -> Method | None:
    """The method of the option or of the recipe. CommandError: they are two."""
    named: Method | None = recipe.get("method", method)
    if method not in (None, named):
        raise CommandError(f"The recipe's method is {named}, and --method says {method}: name one.")
    return named


def _learned_before(start: Path | None) -> set[str]:
    """Digests of what the skill that this one starts from had learned from, if its notes are beside it."""
    notes = start.with_suffix(".json") if start else None
    if notes is None or not notes.exists():
        return set()
    return set(json.loads(notes.read_text(encoding="utf-8"))["data"].get("learned_from", []))
