"""`bookchorus skill train`: from questions with answers to a registered skill prompt with its weighting."""

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from rich.console import Console

from app import skills
from app.errors import StartupError
from app.evaluation.data import DataError, Dataset, Question, Story, read, sampled
from app.evaluation.library import Library
from app.publishing import number
from app.service import load_llm
from app.settings import load
from app.skills import LoadedSkill
from app.skills.fitting import fit
from store.database import Database
from trainer.lessons import Lesson
from trainer.prompts import PromptFormatError
from trainer.skill import from_bytes
from trainer.skill_training import SkillLoss, SkillRecipe, SkillState, SkillStep, learn

# Stories kept from training: what the skill prompt is evaluated on, and the weighting fitted.
HELDOUT_STORIES = 12
_HELDOUT_LESSONS = 48
# Of this many sections that seem to answer a question, those that do not are distractors.
_DISTRACTORS = 6
_QUESTIONS_TO_FIT = 8
_Loss = dict[str, float | None]
# Where nobody sees the status line: in a file, this often.
_TOLD_STEPS = 10


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
    """Learn, fit, write the files and register; `start` is a skill prompt's file to go on from.

    Raises StartupError with one line for unusable data.
    """
    try:
        settled = SkillRecipe(**recipe)
        dataset = read(data)
        begun = start.read_bytes() if start else None
        origin = from_bytes(begun) if begun else None
    except (DataError, ValidationError, PromptFormatError, OSError) as error:
        raise StartupError(str(error)) from error
    if len(dataset.stories) < 2:
        raise StartupError("A skill prompt needs at least two stories: one to learn from, one to check on.")
    settings = load({})
    llm = load_llm(settings)
    out.mkdir(parents=True, exist_ok=True)
    learning, checking = split(dataset)
    library = Library(dataset.stories, out / "library")
    train_lessons, held = (list(lessons(part, library)) for part in (learning, checking))
    held = random.Random(settled.seed).sample(held, min(_HELDOUT_LESSONS, len(held)))
    if not train_lessons or not held:
        raise StartupError("No answer was found in the stories: there is nothing to learn from.")
    state, losses = _saved(out / "state.pt", settled)
    with console.status("learns the skill prompt") as status:
        for happened in learn(llm, train_lessons, held, settled, state, origin):
            if isinstance(happened, SkillLoss):
                losses.append(
                    {
                        "step": happened.step,
                        "answered": number(happened.answered),
                        "unanswered": number(happened.unanswered),
                    }
                )
                console.print(
                    f"step {happened.step}: loss of answers {happened.answered:.3f}, "
                    f"of silence {happened.unanswered:.3f}"
                )
                if state is not None:
                    _save(out / "state.pt", settled, state, losses)
            elif isinstance(happened, SkillStep):
                state = happened.state
                said = (
                    f"step {happened.step} of {happened.steps}, loss {happened.loss:.2f}, "
                    f"{happened.tokens_per_second:.0f} tokens/s, {happened.eta_seconds / 60:.0f} min to go"
                )
                status.update(said)
                if not console.is_terminal and happened.step % _TOLD_STEPS == 0:
                    console.print(said)
        assert state is not None
        _save(out / "state.pt", settled, state, losses)
        status.update("fits the weighting")
        weighting = fit(llm, state.skill, sampled(checking, _QUESTIONS_TO_FIT), library, status.update)
    library.close()
    learned = LoadedSkill(
        skill=state.skill,
        artifact=state.skill.to_bytes({"format": "bookchorus skill", "llm": llm.identity.id}),
        weighting=weighting,
        recipe=settled.model_dump() | {"start": hashlib.sha256(begun).hexdigest() if begun else None},
        data={"source": data.name, "licence": licence, "sha256": digest(dataset)},
        metrics={"heldout": losses},
    )
    notes = {
        "llm": llm.identity.__dict__,
        "recipe": learned.recipe,
        "data": learned.data,
        "metrics": learned.metrics,
        "weighting": weighting.model_dump(),
    }
    (out / "skill.safetensors").write_bytes(learned.artifact)
    (out / "skill.json").write_text(json.dumps(notes, indent=2), encoding="utf-8")
    console.print(f"The skill prompt is in {out}.")
    if register:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        database = Database(settings.database)
        database.migrate()
        row = skills.register(database, llm.identity, learned)
        console.print(f"Skill prompt {row.number} is registered.")
        database.close()


def split(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """Stories to learn from, and a few to check on, none of which is in both.

    The same for every recipe: a skill prompt that goes on from another is checked on what neither saw.
    """
    names = sorted(story.name for story in dataset.stories)
    random.Random(0).shuffle(names)
    kept = set(names[: min(HELDOUT_STORIES, len(names) // 2)])
    return _part(dataset, set(names) - kept), _part(dataset, kept)


def lessons(dataset: Dataset, library: Library) -> Iterator[Lesson]:
    """A lesson for every section: what it answers, and what it only seems to."""
    for story in dataset.stories:
        ranking = library.ranking(story.name)
        answered: list[list[tuple[str, Sequence[str]]]] = [[] for _ in story.sections]
        silent: list[list[str]] = [[] for _ in story.sections]
        for question in dataset.questions:
            if question.story != story.name or not question.answers:
                continue
            found = [section for section, _ in ranking(question.text)]
            gold = question.gold or _holding(story, question, found)
            for section in gold:
                answered[section].append((question.text, question.answers))
            for section in found[:_DISTRACTORS]:
                if gold and section not in gold:
                    silent[section].append(question.text)
        for text, told, untold in zip(story.sections, answered, silent, strict=True):
            if told:
                yield Lesson(text, told, untold, [other for other in story.sections if other != text])


def _holding(story: Story, question: Question, found: Sequence[int]) -> list[int]:
    """Where nobody marked it, the section that fits the question best among those with an answer's words."""
    for section in found:
        text = story.sections[section].casefold()
        if any(answer.casefold().rstrip(".") in text for answer in question.answers):
            return [section]
    return []


def digest(dataset: Dataset) -> str:
    """SHA-256 of the stories and questions, whatever files they came in."""
    return hashlib.sha256(repr(dataset).encode()).hexdigest()


def _part(dataset: Dataset, names: set[str]) -> Dataset:
    return Dataset(
        [story for story in dataset.stories if story.name in names],
        [question for question in dataset.questions if question.story in names],
    )


def _saved(path: Path, recipe: SkillRecipe) -> tuple[SkillState | None, list[_Loss]]:
    """Where training was, and the losses until then."""
    if not path.exists():
        return None, []
    kept = torch.load(path, weights_only=True)
    if kept["recipe"] != recipe.model_dump():
        raise StartupError(f"{path} belongs to another recipe: choose another folder, or delete it.")
    return SkillState(kept["tensors"], kept["optimiser"], kept["step"]), kept["losses"]


def _save(path: Path, recipe: SkillRecipe, state: SkillState, losses: Sequence[_Loss]) -> None:
    kept = {
        "recipe": recipe.model_dump(),
        "tensors": [tensor.detach() for tensor in state.tensors],
        "optimiser": state.optimiser,
        "step": state.step,
        "losses": list(losses),
    }
    half = path.with_suffix(".part")
    torch.save(kept, half)
    half.replace(path)
