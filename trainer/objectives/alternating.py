"""Two objectives taken in turn, step by step: the recipe's `both`."""

from collections.abc import Generator, Mapping

import torch
from torch import Tensor

from trainer.checkpoint import Position, named, part
from trainer.llm.pause import Pause
from trainer.methods.members import Members
from trainer.objectives.objective import Objective


class Alternating:
    """Two objectives that take turns, step by step; members are evaluated by the second."""

    def __init__(self, first: Objective, second: Objective) -> None:
        self._objectives = (first, second)
        self._turns = [first, second]
        self._evaluated = second
        self.text = first.text
        self.context = first.context
        self.heldout_questions = second.heldout_questions
        self.row_tokens = (first.row_tokens + second.row_tokens) // 2
        self.epoch_tokens = first.epoch_tokens + second.epoch_tokens

    def bare_loss(self) -> Generator[Pause, None, float | None]:
        """Held-out loss of the second objective without a member."""
        return self._evaluated.bare_loss()

    def heldout_losses(self, members: Members) -> Generator[Pause, None, list[float | None]]:
        """Each member's held-out loss of the second objective."""
        return self._evaluated.heldout_losses(members)

    def gradient(self, members: Members) -> Generator[Pause, None, tuple[list[float], int]]:
        """The gradient of the objective whose turn it is."""
        self._turns.reverse()
        return self._turns[1].gradient(members)

    def position(self) -> Position:
        """That of each objective, and whose turn is next."""
        first, second = (one.position() for one in self._objectives)
        turn = self._objectives.index(self._turns[0])
        return lambda: {
            "turn": torch.tensor(turn),
            **named("first", first()),
            **named("second", second()),
        }

    def resume(self, position: Mapping[str, Tensor]) -> None:
        """Read on in both objectives, and give the turn to the one whose it was."""
        for name, objective in zip(("first", "second"), self._objectives, strict=True):
            objective.resume(part(position, name))
        if int(position["turn"]):
            self._turns.reverse()
