"""From a book and a recipe to trained members; for self-study the LLM writes its questions first."""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from trainer.checkpoint import Checkpoint
from trainer.joint_training import train
from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches
from trainer.llm.pause import Pause
from trainer.methods.dispatch import initial_members
from trainer.methods.members import Members
from trainer.objectives import asker as asking
from trainer.objectives.alternating import Alternating
from trainer.objectives.lm import LanguageModelling
from trainer.objectives.objective import Objective
from trainer.objectives.question_synthesis import KINDS, synthesise
from trainer.objectives.self_study import SelfStudy, StudyMaterial
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Progress
from trainer.recipe import Recipe
from trainer.skill.skill import Skill

# Of the seconds that a recipe has, as many go to the writing of questions at most; the rest is for learning.
WRITING_SHARE = 0.5


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


@dataclass(frozen=True)
class Writing:
    """How far questions are written: about `done` of the `total` places of the book that are asked about."""

    done: int
    total: int


@dataclass(frozen=True)
class Unfinished:
    """The time for writing was over when `asked` of the `places` of the book had been asked about.

    A recipe of about so many `budget_seconds` would have had time for all of them.
    """

    asked: int
    places: int
    budget_seconds: float


@dataclass(frozen=True)
class Written:
    """The questions that the LLM wrote about a book in so many seconds, in the order of the book.

    They are `unfinished` where the time for writing was over before it came to every place.
    """

    questions: Sequence[StudyQuestion]
    unfinished: Unfinished | None = None
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


def write_questions(
    llm: FrozenLLM,
    passages: Sequence[str],
    recipe: Recipe,
    skill: Skill,
    asker: Skill | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Pause | Writing | Written]:
    """Have the LLM write the questions that a recipe asks for, and answer them behind `skill`, which it is
    equipped with; `Writing` comes before each place of the book, `Written` last.

    An LLM that has learned an `asker` asks by that; another one by a hand-written instruction. Once
    `WRITING_SHARE` of the recipe's seconds is over, by the `clock`, no other place is begun; until then
    places are taken from all over the book.
    """
    started = clock()
    most = math.inf if recipe.budget_seconds is None else WRITING_SHARE * recipe.budget_seconds
    written: dict[int, list[StudyQuestion]] = {}
    order, pieces = _writing(llm, passages, recipe, skill.context(llm), asker)
    yield Writing(0, len(order))
    over = False
    for happened in pieces:
        if isinstance(happened, list):
            written[order[len(written)]] = happened
            yield Writing(len(written), len(order))
            over = clock() - started >= most
        elif over:  # all of the batch is there
            break
        else:
            yield happened
    questions = [question for place in sorted(written) for question in written[place]]
    seconds, unfinished = clock() - started, None
    if len(written) < len(order):
        needed = seconds / len(written) * len(order) / WRITING_SHARE
        unfinished = Unfinished(len(written), len(order), needed)
    yield Written(questions, unfinished, seconds)


def _writing(
    llm: FrozenLLM, passages: Sequence[str], recipe: Recipe, reader: Context, asker: Skill | None
) -> tuple[Sequence[int], Iterator[Pause | list[StudyQuestion]]]:
    """The places of the book in the order in which they are asked about, and the questions that the LLM
    writes of each, with pauses.
    """
    chosen = _spread(len(passages), recipe.passages)
    if asker is None:
        kinds = list(KINDS)[: recipe.kinds]
        numbered = [(number, passages[number]) for number in chosen]
        order = _all_over(len(numbered))
        return order, synthesise(llm, numbered, reader, kinds=kinds, seed=recipe.seed, order=order)
    turn = asker.in_turn(llm)
    with turn:
        context = asker.context(llm)
    wanted = asking.stretches(chosen, len(passages), recipe.questions, recipe.pairs)
    order = _all_over(len(wanted))
    by = asking.Asker(context, turn)
    return order, asking.ask(llm, passages, wanted, by, reader, seed=recipe.seed, order=order)


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


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`, evenly spread."""
    kept = min(most, count)
    return [index * count // kept for index in range(kept)]


def _all_over(count: int) -> list[int]:
    """The numbers below `count`, ordered so that the first of them, however many, are spread over all: the
    van der Corput sequence, whose binary digits are read backwards.
    """
    digits = max(count - 1, 1).bit_length()
    sequence = (int(f"{turn:0{digits}b}"[::-1], 2) for turn in range(2**digits))
    return list(dict.fromkeys(number * count >> digits for number in sequence))[:count]
