"""Whether a recipe's time is enough: foreseen as soon as the speed is known, so that it can be cancelled."""

import math
from dataclasses import dataclass

from trainer.objectives.objective import Objective
from trainer.progress import Learned, Stepped
from trainer.question_writing import WRITING_SHARE, Unfinished
from trainer.recipe import Recipe

# The speed is known by so many places of the book, and by so many steps: the first ones are often slower.
_PLACES, _STEPS = 2, 2
# What is foreseen from so little may turn out otherwise: the time has to be short by this factor.
_CLEARLY = 1.25


@dataclass(frozen=True)
class TooFewSteps:
    """The time for learning is over after `steps`, of the `once` in which members read everything once.

    A recipe of about so many `budget_seconds` would have had time for these.
    """

    steps: int
    once: int
    budget_seconds: float


@dataclass(frozen=True)
class OnTop:
    """What takes time beside the `seconds` of a recipe, which are for learning and, where it `writes`, for
    questions: whether passages are embedded before, and the members tried after.
    """

    seconds: float
    writes: bool
    embeds: bool
    tries: bool


@dataclass(frozen=True)
class Foreseen:
    """What a recipe will have too little time for, if the speed stays."""

    what: Unfinished | TooFewSteps


class TimeBudget:
    """Watches the time that a recipe has to write questions and to learn. What it is too short for is told
    once: foreseen if it can be, else at the end. Too few steps are not told where a longer time was advised
    before, for the questions: people need one number.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._told: dict[type[object], float] = {}

    @property
    def writing_seconds(self) -> float:
        """How long questions are written at most."""
        seconds = self._recipe.budget_seconds
        return math.inf if seconds is None else WRITING_SHARE * seconds

    def on_top(self, *, embeds: bool) -> OnTop | None:
        """What comes on top of the recipe's seconds, where passages are to be embedded or not; None where
        nothing does, or where it has no seconds. The recipe's objective is decided.
        """
        recipe = self._recipe
        writes = recipe.objective != "lm"
        tries = writes and recipe.trial > 0 and recipe.heldout > 0
        if recipe.budget_seconds is None or not (embeds or tries):
            return None
        return OnTop(recipe.budget_seconds, writes, embeds, tries)

    def writing(self, done: float, places: int, seconds: float) -> Foreseen | None:
        """What there is to tell when about so many places of the book were asked about in so many seconds."""
        if done < min(_PLACES, places):
            return None
        most, needed = self.writing_seconds, seconds / done * places
        if needed < _CLEARLY * most:
            return None
        asked = min(places - 1, max(1, round(most / needed * places)))
        return self._foreseen(Unfinished(asked, places, needed / WRITING_SHARE))

    def written(self, unfinished: Unfinished | None) -> Unfinished | None:
        """What there is to tell of what was written."""
        if unfinished is None or Unfinished in self._told:
            return None
        self._told[Unfinished] = unfinished.budget_seconds
        return unfinished

    def stepped(self, stepped: Stepped, objective: Objective) -> Foreseen | None:
        """What there is to tell after a step."""
        if stepped.step < _STEPS or stepped.steps == stepped.step:
            return None
        few = self._too_few(stepped.steps, stepped.seconds, objective)
        return None if few is None or few.once < _CLEARLY * few.steps else self._foreseen(few)

    def learned(self, learned: Learned, objective: Objective) -> TooFewSteps | None:
        """What there is to tell of what was learned."""
        if TooFewSteps in self._told:
            return None
        return self._too_few(learned.steps, learned.seconds / learned.steps, objective)

    def _too_few(self, steps: int, step_seconds: float, objective: Objective) -> TooFewSteps | None:
        recipe, tokens, row = self._recipe, objective.epoch_tokens, objective.row_tokens
        once = math.ceil(tokens / (recipe.rows * row))
        if recipe.budget_seconds is None or steps >= min(once, recipe.steps(tokens, row)):
            return None
        enough = recipe.budget_seconds + (once - steps) * step_seconds
        advised = self._told.get(Unfinished, 0.0)
        return TooFewSteps(steps, once, enough) if enough > advised else None

    def _foreseen(self, what: Unfinished | TooFewSteps) -> Foreseen | None:
        if type(what) in self._told:
            return None
        self._told[type(what)] = what.budget_seconds
        return Foreseen(what)
