"""From a book and a recipe to the objective its members learn for; self-study writes its questions first."""

import hashlib
import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from app.answering.skill import LoadedSkill
from trainer.joint_training import train
from trainer.llm.frozen_llm import FrozenLLM, Identity
from trainer.llm.microbatches import Microbatches
from trainer.methods import registry
from trainer.methods.members import Members
from trainer.objectives.lm import LanguageModelling
from trainer.objectives.objective import Alternating, Objective
from trainer.objectives.question_synthesis import KINDS, SyntheticQuestion, synthesise
from trainer.objectives.self_study import Material, SelfStudy
from trainer.progress import Pause, Progress
from trainer.recipe import Recipe


def resolved(recipe: Recipe, skill: LoadedSkill | None) -> Recipe:
    """The recipe with what it leaves open decided.

    ValueError: it wants self-study, and the LLM has no skill prompt; or learned starts that it has not.
    """
    objective = recipe.objective
    if objective == "auto":
        objective = "lm" if skill is None else "self_study"
    elif objective != "lm" and skill is None:
        raise ValueError(f"{objective} needs a skill prompt, and this LLM has none: train one, or use lm")
    initialisation = recipe.initialisation
    starts = None if skill is None else skill.skill.starts
    fitting = starts is not None and starts.shape[1] == recipe.virtual_tokens
    if initialisation == "auto":
        initialisation = "text" if skill is None else "learned" if fitting else "blank"
    elif initialisation == "learned" and not fitting:
        raise ValueError(
            f"the LLM's skill prompt has no starts of {recipe.virtual_tokens} virtual tokens: "
            "choose another initialisation"
        )
    decided = {
        "objective": objective,
        "initialisation": initialisation,
        "learning_rate": recipe.rate,
    }
    return recipe.model_copy(update=decided)


def study_key(identity: Identity, skill: LoadedSkill, recipe: Recipe, passages: Sequence[str]) -> str:
    """SHA-256 of all that decides which questions the LLM writes: versions with one key share a study."""
    decides = [
        identity.id,
        identity.revision,
        hashlib.sha256(skill.artifact).hexdigest(),
        recipe.kinds,
        recipe.passages,
        recipe.seed,
        list(passages),
    ]
    return hashlib.sha256(json.dumps(decides, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Prepared:
    """What members are about to learn for; `items` are the questions of self-study, written or given."""

    objective: Objective
    items: Sequence[SyntheticQuestion]


def learn(
    llm: FrozenLLM,
    text: str,
    passages: Sequence[str],
    recipe: Recipe,
    skill: LoadedSkill | None,
    *,
    items: Sequence[SyntheticQuestion] | None = None,
    parent: Members | None = None,
    rivals: int = 0,
    batches: Microbatches | None = None,
) -> Iterator[Progress | Prepared]:
    """Learn a book by a resolved recipe: what there is to learn, then all that `train` tells.

    Members go on from `parent`, or append to it where the recipe says so.
    Self-study writes its questions unless they are given. Raises what `train` and the objectives raise, and
    ValueError for a recipe that appends to nothing.
    """
    if recipe.append and parent is None:
        raise ValueError("append needs a parent: a version whose virtual tokens stay as they are")
    objective, studied = yield from _prepare(llm, text, passages, recipe, skill, items, batches)
    yield Prepared(objective, studied)
    start, frozen = (None, parent) if recipe.append else (parent, None)
    if start is None:
        starts = None if skill is None else skill.skill.starts
        start = registry.start(llm, objective.text, recipe, objective.context, starts)
    yield from train(llm, objective, recipe, start=start, frozen=frozen, rivals=rivals)


def _prepare(
    llm: FrozenLLM,
    text: str,
    passages: Sequence[str],
    recipe: Recipe,
    skill: LoadedSkill | None,
    items: Sequence[SyntheticQuestion] | None,
    batches: Microbatches | None,
) -> Generator[Pause, None, tuple[Objective, list[SyntheticQuestion]]]:
    """The objective of a resolved recipe, and the items studied, which are written unless they are given."""
    closed = None if skill is None else skill.skill.context(llm)
    reading = partial(LanguageModelling, llm, text, recipe, closed, batches=batches)
    if recipe.objective == "lm" or closed is None:
        return reading(), []
    if items is None:
        written: list[SyntheticQuestion] = []
        chosen = [(number, passages[number]) for number in _spread(len(passages), recipe.passages)]
        kinds = list(KINDS)[: recipe.kinds]
        for batch in synthesise(llm, chosen, closed, kinds=kinds, seed=recipe.seed):
            written += batch
            yield Pause()
        items = written
    if not items:  # nothing passed the filters: the book's text itself is left to learn from
        return reading(), []
    material = Material(llm.encode(text), items, closed, passages)
    study = SelfStudy(llm, material, recipe, batches=batches)
    return study if recipe.objective == "self_study" else Alternating(reading(), study), list(items)


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of so many numbers, spread evenly."""
    kept = min(most, count)
    return [index * count // kept for index in range(kept)]
