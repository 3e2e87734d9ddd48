"""From a book and a recipe to trained members; for self-study the LLM writes its questions first."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from trainer.checkpoint import Checkpoint
from trainer.joint_training import train
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches
from trainer.llm.pause import Pause
from trainer.methods.dispatch import initial_members
from trainer.methods.members import Members
from trainer.objectives.alternating import Alternating
from trainer.objectives.lm import LanguageModelling
from trainer.objectives.objective import Objective
from trainer.objectives.self_study import SelfStudy, StudyMaterial
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Progress
from trainer.question_writing import Written, write_questions
from trainer.recipe import Recipe
from trainer.skill.skill import Skill


@dataclass(frozen=True)
class Prepared:
    """The objective that training is about to start on, and the questions of self-study, written or given.

    `recipe` is what is learned by: its objective is lm where there was no question to study. So many
    `seconds` went into writing.
    """

    recipe: Recipe
    objective: Objective
    items: Sequence[StudyQuestion]
    seconds: float = 0.0


def resolved(recipe: Recipe, skill: Skill | None) -> Recipe:
    """The recipe with its objective, initialisation and learning rate decided; again, it changes nothing.

    Raises ValueError when the recipe asks for self-study and there is no skill, or for learned starts
    that the skill does not have.
    """
    objective = recipe.objective
    if objective == "auto":
        objective = "lm" if skill is None else "self_study"
    elif objective != "lm" and skill is None:
        raise ValueError(f"{objective} needs a skill, and this LLM has none: train one, or use lm")
    initialisation = recipe.initialisation
    starts = None if skill is None else skill.starts
    fits = starts is not None and starts.shape[1] == recipe.virtual_tokens
    if initialisation == "auto":
        initialisation = "text" if skill is None else "learned" if fits else "blank"
    elif initialisation == "learned" and not fits:
        raise ValueError(
            f"the LLM's skill has no starts of {recipe.virtual_tokens} virtual tokens: "
            "choose another initialisation"
        )
    decided = {
        "objective": objective,
        "initialisation": initialisation,
        "learning_rate": recipe.rate,
    }
    return recipe.model_copy(update=decided)


def train_book(
    llm: FrozenLLM,
    text: str,
    recipe: Recipe,
    skill: Skill | None = None,
    *,
    passages: Sequence[str] | None = None,
    items: Sequence[StudyQuestion] | None = None,
    asker: Skill | None = None,
    parent: Members | None = None,
    rivals: int = 0,
    microbatches: Microbatches | None = None,
    resume: Checkpoint | None = None,
    spent: float = 0.0,
) -> Iterator[Progress | Prepared]:
    """Train members on a book; yields pauses, `Prepared`, then the progress of `train`, `Learned` last.

    Nothing runs before the first item is asked for. `skill` precedes the members. Self-study needs the book's
    `passages`, and has the LLM write its questions about them unless `items` are given, see
    `write_questions`. Members start from `parent`, or are appended to it if the recipe says so. `rivals`,
    `resume` and `spent` are those of `train`; `microbatches` are best shared by all trainings on one device.

    Raises what `resolved`, `train` and the objectives raise, and ValueError for self-study without passages
    and for a recipe that appends to no parent.
    """
    recipe = resolved(recipe, skill)
    if recipe.append and parent is None:
        raise ValueError("append needs a parent: a version whose virtual tokens stay as they are")
    prepared = yield from _prepare(llm, text, passages, recipe, skill, items, asker, microbatches)
    yield prepared
    recipe, objective = prepared.recipe, prepared.objective
    start, frozen = (None, parent) if recipe.append else (parent, None)
    if start is None:
        starts = None if skill is None else skill.starts
        start = initial_members(llm, objective.text, recipe, objective.context, starts)
    spent += prepared.seconds
    yield from train(
        llm, objective, recipe, start=start, frozen=frozen, rivals=rivals, resume=resume, spent=spent
    )


def _prepare(
    llm: FrozenLLM,
    text: str,
    passages: Sequence[str] | None,
    recipe: Recipe,
    skill: Skill | None,
    items: Sequence[StudyQuestion] | None,
    asker: Skill | None,
    microbatches: Microbatches | None,
) -> Generator[Pause, None, Prepared]:
    """What a resolved recipe asks for, with the questions to study, which are written unless given."""
    context = None if skill is None else skill.context(llm)
    text_objective = partial(LanguageModelling, llm, text, recipe, context, microbatches=microbatches)
    if recipe.objective == "lm" or skill is None or context is None:
        return Prepared(recipe, text_objective(), [])
    if passages is None:
        raise ValueError(f"{recipe.objective} needs the passages of the book: give them, or use lm")
    seconds = 0.0
    if items is None:
        for happened in write_questions(llm, passages, recipe, skill, asker):
            if isinstance(happened, Written):
                items, seconds = happened.questions, happened.seconds
            yield Pause()
    if not items:  # none passed the filters: members learn from the text itself
        return Prepared(recipe.model_copy(update={"objective": "lm"}), text_objective(), [], seconds)
    material = StudyMaterial(llm.encode(text), items, context, passages)
    study = SelfStudy(llm, material, recipe, microbatches=microbatches)
    objective = study if recipe.objective == "self_study" else Alternating(text_objective(), study)
    return Prepared(recipe, objective, list(items), seconds)
