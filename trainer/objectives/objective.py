"""What members learn for: the interface of an objective, and two of them taken in turn."""

from collections.abc import Generator, Sequence
from typing import Protocol

from trainer.llm.context import Context
from trainer.methods.members import Members
from trainer.progress import Pause


class Objective(Protocol):
    """Something to learn, for all members at once.

    Passes over the LLM are separated by a `Pause`.
    """

    @property
    def text(self) -> Sequence[int]:
        """Tokens that members may start from."""

    @property
    def row_tokens(self) -> int:
        """Tokens to learn from in one row, about."""

    @property
    def tokens(self) -> int:
        """Tokens to learn from in one epoch."""

    @property
    def context(self) -> Context | None:
        """What members stand behind: the skill prompt, where there is one."""

    def bare(self) -> float:
        """Held-out loss without a member, nats per token; NaN where nothing is held out."""

    def losses(self, members: Members) -> Generator[Pause, None, list[float]]:
        """Each member's held-out loss, nats per token; NaN where nothing is held out."""

    def gradient(self, members: Members) -> Generator[Pause, None, tuple[list[float], int]]:
        """Leave the next step's gradient in the `members`; each member's loss, and the tokens computed."""


class Alternating:
    """One step of the first objective, one of the second, and so on; evaluated by the second."""

    def __init__(self, first: Objective, second: Objective) -> None:
        self._turns = [first, second]
        self._evaluated = second
        self.text = first.text
        self.context = first.context
        self.row_tokens = (first.row_tokens + second.row_tokens) // 2
        self.tokens = first.tokens + second.tokens

    def bare(self) -> float:
        """Held-out loss of the second objective without a member."""
        return self._evaluated.bare()

    def losses(self, members: Members) -> Generator[Pause, None, list[float]]:
        """Each member's held-out loss of the second objective."""
        return self._evaluated.losses(members)

    def gradient(self, members: Members) -> Generator[Pause, None, tuple[list[float], int]]:
        """The gradient of whichever is due."""
        self._turns.reverse()
        return self._turns[1].gradient(members)
