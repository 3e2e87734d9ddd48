"""`bookchorus skill train`: from questions with answers to a registered skill with its weighting."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from rich.console import Console

from app.answering.skill import LoadedSkill, register_skill
from app.datasets.library import Library
from app.datasets.loading import load_dataset
from app.datasets.questions import DataError
from app.engine.engine import Engine
from app.engine.runner import DirectRunner
from app.errors import CommandError
from app.resources.database import open_database
from app.resources.llm import load_llm
from app.settings import load
from app.skill_training.examples import digest, examples, split
from app.skill_training.fitting import fit_calibration, fit_weighting
from app.skill_training.samples import collect_samples
from trainer.methods.tensors import FormatError
from trainer.skill.optimisation import SkillLoss, SkillState, SkillStep
from trainer.skill.recipe import SkillRecipe
from trainer.skill.skill import SkillMismatchError, initial_skill, skill_from_bytes
from trainer.skill.training import train_skill, train_starts

_HELDOUT_EXAMPLES = 48
# In a file, where no status line is seen, a line comes this often.
_SHOWN_STEPS = 10
_Loss = dict[str, float | None]


def train(
    console: Console,
    data: Path,
    recipe: Mapping[str, Any],
    out: Path,
    licence: str,
    *,
    start: Path | None = None,
    register: bool,
) -> None:
    """Learn, fit, write the files and register; `start` is a skill's file to go on from.

    Raises CommandError with one line for unusable data.
    """
    try:
        settled = SkillRecipe(**recipe)
        dataset = load_dataset(data)
        begun = start.read_bytes() if start else None
        origin = skill_from_bytes(begun) if begun else None
    except (DataError, ValidationError, FormatError, OSError) as error:
        raise CommandError(str(error)) from error
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
    settings = load({})
    llm = load_llm(settings)
    try:
        skill = origin or initial_skill(llm)
        skill.context(llm)
    except SkillMismatchError as error:
        raise CommandError(str(error)) from error
    out.mkdir(parents=True, exist_ok=True)
    library = Library(dataset.stories, out / "library")
    learned_from, held = (list(examples(part, library)) for part in (parts.learning, parts.checking))
    held = random.Random(settled.seed).sample(held, min(_HELDOUT_EXAMPLES, len(held)))
    if not learned_from or not held:
        raise CommandError("No answer was found in the stories: there is nothing to learn from.")
    known = settled.model_dump() | {"start": hashlib.sha256(begun).hexdigest() if begun else None}
    metrics: dict[str, list[_Loss]] = {}
    if settled.steps:
        run = _Run(console, out / "state.pt", "the skill", known)
        tensors, metrics["heldout"] = run.follow(
            lambda state: train_skill(llm, learned_from, held, settled, state, skill)
        )
        skill = skill.with_tensors(tensors)
    if settled.starts.steps:
        context = replace(skill, starts=None)
        run = _Run(console, out / "starts.pt", "where members start", known)
        (starts,), metrics["starts"] = run.follow(
            lambda state: train_starts(llm, context, learned_from, held, settled.starts, state)
        )
        skill = replace(skill, starts=starts)
    with console.status("asks what to fit on") as status:
        engine = Engine(DirectRunner(llm), skill=skill)
        samples = collect_samples(engine, parts.fitting, library, status.update)
    library.close()
    weighting = fit_weighting(samples)
    learned = LoadedSkill(
        skill=skill,
        artifact=skill.to_bytes({"format": "bookchorus skill", "llm": llm.identity.id}),
        weighting=weighting,
        recipe=known,
        data={
            "source": data.name,
            "licence": licence,
            "sha256": digest(dataset),
            "learned_from": sorted({story.digest for story in parts.learning.stories} | before),
            "fitted_on": {"stories": len(parts.fitting.stories), "questions": len(samples)},
        },
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


def _learned_before(start: Path | None) -> set[str]:
    """Digests of what the skill that this one starts from had learned from, if its notes are beside it."""
    notes = start.with_suffix(".json") if start else None
    if notes is None or not notes.exists():
        return set()
    return set(json.loads(notes.read_text(encoding="utf-8"))["data"].get("learned_from", []))


class _Run:
    """An optimisation that shows its progress and can be resumed from a file."""

    def __init__(self, console: Console, file: Path, what: str, recipe: dict[str, Any]) -> None:
        """`recipe` holds all that decides the run; a file of another recipe is refused."""
        self._console = console
        self._file = file
        self._what = what
        self._recipe = recipe

    def follow(
        self, begin: Callable[[SkillState | None], Iterator[SkillLoss | SkillStep]]
    ) -> tuple[list[torch.Tensor], list[_Loss]]:
        """Run to the end; return the tensors learned, on the CPU, and the held-out losses on the way."""
        state, losses = self._saved()
        with self._console.status(f"learns {self._what}") as status:
            for happened in begin(state):
                if isinstance(happened, SkillLoss):
                    losses.append(
                        {
                            "step": happened.step,
                            "answered": happened.answer_loss,
                            "unanswered": happened.silence_loss,
                        }
                    )
                    self._console.print(
                        f"{self._what}, step {happened.step}: "
                        f"loss of answers {_shown(happened.answer_loss)}, "
                        f"of silence {_shown(happened.silence_loss)}"
                    )
                    if state is not None:
                        self._save(state, losses)
                    continue
                state = happened.state
                said = (
                    f"{self._what}, step {happened.step} of {happened.steps}, loss {happened.loss:.2f}, "
                    f"{happened.tokens_per_second:.0f} tokens/s, {happened.eta_seconds / 60:.0f} min to go"
                )
                status.update(said)
                if happened.step % _SHOWN_STEPS == 0:
                    self._save(state, losses)
                    if not self._console.is_terminal:
                        self._console.print(said)
        assert state is not None
        self._save(state, losses)
        return [tensor.detach().clone().cpu() for tensor in state.tensors], losses

    def _saved(self) -> tuple[SkillState | None, list[_Loss]]:
        """The state that was saved, and the losses until then."""
        if not self._file.exists():
            return None, []
        kept = torch.load(self._file, weights_only=True)
        if kept["recipe"] != self._recipe:
            raise CommandError(
                f"{self._file} belongs to another recipe or start: choose another folder, or delete it."
            )
        return SkillState(kept["tensors"], kept["optimiser"], kept["step"]), kept["losses"]

    def _save(self, state: SkillState, losses: list[_Loss]) -> None:
        kept = {
            "recipe": self._recipe,
            "tensors": [tensor.detach() for tensor in state.tensors],
            "optimiser": state.optimiser,
            "step": state.step,
            "losses": losses,
        }
        half = self._file.with_suffix(".part")
        torch.save(kept, half)
        half.replace(self._file)


def _shown(loss: float | None) -> str:
    return "none" if loss is None else f"{loss:.3f}"
