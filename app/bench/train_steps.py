"""Training steps to measure: of all members at once, and of PEFT one adapter after the other."""

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pydantic import ValidationError

from app.errors import CommandError
from trainer.baseline.peft_loop import PEFT_METHODS, PeftLoop
from trainer.joint_training import train
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches, OutOfMemoryError
from trainer.objectives.lm import LanguageModelling
from trainer.objectives.text_rows import training_rows
from trainer.options import Method
from trainer.progress import DivergedError, Stepped
from trainer.recipe import Recipe

_SEED = 0


class OnProgress(Protocol):
    """Called with what is being measured, and with each `figure` as it comes."""

    def __call__(self, what: str, *, figure: bool = False) -> None:
        """Show it."""


@dataclass(frozen=True)
class TrainWorkload:
    """One training step: each member learns from so many rows of so many tokens of random text."""

    method: Method = "prompt"
    members: int = 8
    rows: int = 1
    row_tokens: int = 512
    virtual_tokens: int = 100
    rank: int = 8

    @property
    def row_length(self) -> int:
        """Positions of one row."""
        return self.row_tokens + (self.virtual_tokens if self.method == "prompt" else 0)

    @property
    def step_tokens(self) -> int:
        """Positions in one step of all members."""
        return self.members * self.rows * self.row_length

    @property
    def baseline(self) -> str:
        """What PEFT calls the method."""
        return PEFT_METHODS[self.method][0]

    @property
    def text(self) -> str:
        """Random text, of which every member can have other rows."""
        draw = random.Random(_SEED)
        return "".join(draw.choices(f"{string.ascii_letters} ", k=4 * self.row_tokens))

    def recipe(self, steps: int) -> Recipe:
        """The recipe of so many steps, with nothing held out. CommandError: a recipe takes no such sizes."""
        try:
            return Recipe(
                method=self.method,
                objective="lm",
                members=self.members,
                rows=self.rows,
                row_tokens=self.row_tokens,
                virtual_tokens=self.virtual_tokens,
                rank=self.rank,
                epochs=1000,
                budget_tokens=steps * self.rows * self.row_tokens,
                heldout=0,
                seed=_SEED,
            )
        except ValidationError as error:
            first = error.errors()[0]
            raise CommandError(f"{first['loc'][0]}: {first['msg']}") from error


def train_together(
    llm: FrozenLLM, workload: TrainWorkload, steps: int, batches: Microbatches
) -> Iterator[Stepped]:
    """Train all members in one batch, as the service does.

    CommandError: the loss is not a number, the LLM cannot learn by the method, or memory is too small for a
    row.
    """
    recipe = workload.recipe(steps)
    objective = LanguageModelling(llm, workload.text, recipe, microbatches=batches)
    try:
        for event in train(llm, objective, recipe):
            if isinstance(event, Stepped):
                yield event
    except DivergedError as error:
        raise CommandError(f"{error}; or take another --dtype") from error
    except (ValueError, OutOfMemoryError) as error:
        raise CommandError(f"{error}.") from error


def train_with_peft(
    llm: FrozenLLM, workload: TrainWorkload, model: PeftLoop, member: int, steps: int
) -> Iterator[float]:
    """Train one member with PEFT on the rows that it has in `train_together`; yields each step's loss."""
    reader = training_rows(llm.encode(workload.text), workload.row_tokens, _SEED + member)
    return model.learn([[next(reader) for _ in range(workload.rows)] for _ in range(steps)])
