"""The questions of self-study: the LLM writes them about places from all over a book, while there is time."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.pause import Pause
from trainer.objectives import asker as asking
from trainer.objectives.question_synthesis import KINDS, PLACES_AT_ONCE, synthesise
from trainer.objectives.study_question import StudyQuestion
from trainer.recipe import Recipe
from trainer.skill.skill import Skill

# Of the seconds that a recipe has, as many go to the writing of questions at most; the rest is for learning.
WRITING_SHARE = 0.5
# So many pauses, about, are made while the first places are asked about; later ones take as many as these.
_PAUSES = 90
# Of places in hand as much is done by then, at most: whatever they take, they are not done before they are.
_NEARLY = 0.9


@dataclass(frozen=True)
class Writing:
    """How far questions are written: about `done` of the `total` places of the book that are asked about.

    Places are asked about some at a time; those in hand count by the share of the work that is likely done.
    They are finished even where the time is over: the first `until` places are asked about in any case.
    """

    done: float
    total: int
    until: int


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


def write_questions(
    llm: FrozenLLM,
    passages: Sequence[str],
    recipe: Recipe,
    skill: Skill,
    asker: Skill | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Writing | Written]:
    """Have the LLM write the questions that a recipe asks for, and answer them behind `skill`, which it is
    equipped with; `Writing` comes after each piece of work, `Written` last.

    An LLM that has learned an `asker` asks by that; another one by a hand-written instruction. Once
    `WRITING_SHARE` of the recipe's seconds is over, by the `clock`, no other place is begun; until then
    places are taken from all over the book.
    """
    started = clock()
    most = math.inf if recipe.budget_seconds is None else WRITING_SHARE * recipe.budget_seconds
    written: dict[int, list[StudyQuestion]] = {}
    order, pieces = _writing(llm, passages, recipe, skill.context(llm), asker)
    over, until = False, min(PLACES_AT_ONCE, len(order))
    yield Writing(0, len(order), until)
    pauses, usual = 0, _PAUSES
    for happened in pieces:
        if isinstance(happened, list):
            if pauses:
                pauses, usual = 0, pauses
            written[order[len(written)]] = happened
            over = clock() - started >= most
            if len(written) == until:
                if not over:
                    until = min(until + PLACES_AT_ONCE, len(order))
                yield Writing(len(written), len(order), until)
        elif over:  # all of the batch is there
            break
        else:
            pauses += 1
            in_hand = until - len(written)
            yield Writing(len(written) + in_hand * _likely_done(pauses / usual), len(order), until)
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


def _likely_done(usual: float) -> float:
    """The share of the work on places in hand that is done after this share of the usual number of pauses:
    it grows for ever, and stays below 1.
    """
    return usual if usual <= _NEARLY else 1 - (1 - _NEARLY) * _NEARLY / usual


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
