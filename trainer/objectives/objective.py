"""The interface of an objective."""

from collections.abc import Generator, Mapping, Sequence
from typing import Protocol

from torch import Tensor

from trainer.checkpoint import Position
from trainer.llm.context import Context
from trainer.llm.pause import Pause
from trainer.methods.members import Members
from trainer.objectives.study_question import StudyQuestion


class Objective(Protocol):
    """The loss that all members of a version are trained on together.

    The methods are generators that yield a `Pause` after each pass of the LLM and return their result.
    """

    @property
    def text(self) -> Sequence[int]:
        """Tokens of the book that members may be initialised from."""

    @property
    def row_tokens(self) -> int:
        """Tokens in one training row, on average."""

    @property
    def epoch_tokens(self) -> int:
        """Tokens to train on in one epoch."""

    @property
    def context(self) -> Context | None:
        """What precedes the members: the skill, if there is one."""

    @property
    def heldout_questions(self) -> Sequence[StudyQuestion]:
        """The questions that members do not learn from; none where they learn from text alone."""

    def bare_loss(self) -> Generator[Pause, None, float | None]:
        """Held-out loss without a member, nats per token; None where nothing is held out."""

    def heldout_losses(self, members: Members) -> Generator[Pause, None, list[float | None]]:
        """Each member's held-out loss, nats per token; None where nothing is held out."""

    def gradient(self, members: Members) -> Generator[Pause, None, tuple[list[float], int]]:
        """Add the next step's gradient to the tensors of `members`.

        Returns each member's loss, nats per token, and the number of tokens computed.
        """

    def position(self) -> Position:
        """Where the reading of rows stands between two steps, with the state of all that is drawn at random.

        The tensors can be asked for later, when the next step may have begun.
        """

    def resume(self, position: Mapping[str, Tensor]) -> None:
        """Read on, in a new objective of the same recipe and material, from the tensors of a `position`."""
