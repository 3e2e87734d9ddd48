"""Whether a recipe's time is enough, told as soon as it can be."""

from dataclasses import dataclass
from typing import cast

import pytest

from app.training.time_budget import Foreseen, OnTop, TimeBudget, TooFewSteps
from trainer.objectives.objective import Objective
from trainer.progress import Learned, Stepped
from trainer.question_writing import Unfinished
from trainer.recipe import Recipe


@dataclass(frozen=True)
class Text:
    """What a budget looks at of an objective: 3,000 tokens in rows of 100, which are 30 steps of one row."""

    epoch_tokens: int = 3000
    row_tokens: int = 100


OBJECTIVE = cast(Objective, Text())


def stepped(step: int, steps: int, seconds: float = 2.0) -> Stepped:
    return Stepped(step, steps, [1.0], seconds, 100, 50.0, 1.0, cast(object, None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("budget", "done", "seconds", "foreseen"),
    [
        # Of 60 seconds half are for writing: at 5 seconds a place for 6 of 48.
        (60.0, 2.0, 10.0, Foreseen(Unfinished(6, 48, 480.0))),
        # Of places in hand, too.
        (60.0, 2.5, 12.5, Foreseen(Unfinished(6, 48, 480.0))),
        # Less than one place: one is written in any case.
        (1.0, 2.0, 10.0, Foreseen(Unfinished(1, 48, 480.0))),
        # Not known yet, enough, nearly enough, without limit.
        (60.0, 1.5, 10.0, None),
        (600.0, 2.0, 10.0, None),
        (400.0, 2.0, 10.0, None),
        (None, 2.0, 10.0, None),
    ],
)
def test_what_there_is_no_time_to_write_is_foreseen(
    budget: float | None, done: float, seconds: float, foreseen: Foreseen | None
) -> None:
    assert TimeBudget(Recipe(budget_seconds=budget)).writing(done, 48, seconds) == foreseen


@pytest.mark.parametrize(
    ("settings", "embeds", "on_top"),
    [
        ({}, True, OnTop(60.0, writes=True, embeds=True, tries=True)),
        ({}, False, OnTop(60.0, writes=True, embeds=False, tries=True)),
        ({"objective": "both"}, False, OnTop(60.0, writes=True, embeds=False, tries=True)),
        ({"objective": "lm"}, True, OnTop(60.0, writes=False, embeds=True, tries=False)),
        ({"trial": 0}, True, OnTop(60.0, writes=True, embeds=True, tries=False)),
        # Nothing is held out to be asked.
        ({"heldout": 0}, True, OnTop(60.0, writes=True, embeds=True, tries=False)),
        ({"objective": "lm"}, False, None),
        ({"trial": 0}, False, None),
        ({"budget_seconds": None, "budget_tokens": 9}, True, None),
    ],
)
def test_what_comes_on_top_of_a_recipes_time_is_known_before(
    settings: dict[str, object], embeds: bool, on_top: OnTop | None
) -> None:
    recipe = Recipe.model_validate({"objective": "self_study", "budget_seconds": 60, **settings})
    assert TimeBudget(recipe).on_top(embeds=embeds) == on_top


def test_a_book_of_one_place_is_judged_by_it() -> None:
    assert TimeBudget(Recipe(budget_seconds=1)).writing(0.5, 1, 100) is None
    assert TimeBudget(Recipe(budget_seconds=100)).writing(1.0, 1, 10) is None


def test_what_was_foreseen_is_told_once() -> None:
    budget = TimeBudget(Recipe(budget_seconds=60))
    assert budget.writing(2, 48, 10) is not None
    assert budget.writing(3, 48, 15) is None
    assert budget.written(Unfinished(6, 48, 480.0)) is None
    # The time that was advised for the questions is enough for the steps, too.
    assert budget.stepped(stepped(2, 5), OBJECTIVE) is None
    assert budget.learned(learned(5), OBJECTIVE) is None
    assert budget.stepped(stepped(2, 5, seconds=20.0), OBJECTIVE) == Foreseen(TooFewSteps(5, 30, 560.0))
    assert budget.stepped(stepped(3, 5, seconds=20.0), OBJECTIVE) is None
    assert budget.learned(learned(5), OBJECTIVE) is None


def test_what_was_not_foreseen_is_told_at_the_end() -> None:
    budget = TimeBudget(Recipe(budget_seconds=60))
    assert budget.written(None) is None
    assert budget.written(Unfinished(47, 48, 61.0)) == Unfinished(47, 48, 61.0)
    assert budget.written(Unfinished(47, 48, 61.0)) is None
    assert budget.learned(learned(5), OBJECTIVE) == TooFewSteps(5, 30, 110.0)
    assert TimeBudget(Recipe(budget_seconds=60)).learned(learned(30), OBJECTIVE) is None


@pytest.mark.parametrize(
    ("recipe", "step", "steps", "foreseen"),
    [
        (Recipe(budget_seconds=60), 2, 5, Foreseen(TooFewSteps(5, 30, 110.0))),
        # The first step is often slower than all others; the last one is the end.
        (Recipe(budget_seconds=60), 1, 5, None),
        (Recipe(budget_seconds=60), 2, 2, None),
        (Recipe(budget_seconds=60), 2, 30, None),
        (Recipe(budget_seconds=60), 2, 27, None),
        # No more was asked for.
        (Recipe(budget_seconds=60, epochs=0.1), 2, 3, None),
        (Recipe(budget_tokens=300), 2, 3, None),
        # Two rows a step read it in half of the steps.
        (Recipe(budget_seconds=60, rows=2), 2, 5, Foreseen(TooFewSteps(5, 15, 80.0))),
    ],
)
def test_too_few_steps_are_foreseen(recipe: Recipe, step: int, steps: int, foreseen: Foreseen | None) -> None:
    assert TimeBudget(recipe).stepped(stepped(step, steps), OBJECTIVE) == foreseen


def learned(steps: int) -> Learned:
    """What came of so many steps of two seconds each."""
    return Learned(
        members=cast(object, None),  # type: ignore[arg-type]
        before=cast(object, None),  # type: ignore[arg-type]
        after=cast(object, None),  # type: ignore[arg-type]
        steps=steps,
        curve=[],
        text_tokens=3000,
        seconds=2.0 * steps,
        tokens_per_second=50.0,
    )
