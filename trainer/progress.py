"""What training reports while it runs."""

from collections.abc import Callable
from dataclasses import dataclass, field

from trainer.checkpoint import Checkpoint
from trainer.llm.pause import Pause
from trainer.methods.members import Members


@dataclass(frozen=True)
class Evaluated:
    """Held-out loss, nats per token, of the bare LLM and of each member; None where nothing is held out."""

    # "before" or "after" training; "champion" for the members of another version, to compare with.
    stage: str
    bare_loss: float | None
    member_losses: list[float | None]


@dataclass(frozen=True)
class Stepped:
    """One optimiser step. `steps` is an estimate while there is a limit in seconds.

    It took so many `seconds`, with what others did between its passes, and so many `tokens` of all members
    together, virtual tokens included.

    `checkpoint` gives the state to go on from after this step; it may be called until the next one is there.
    """

    step: int
    steps: int
    member_losses: list[float]
    seconds: float
    tokens: int
    tokens_per_second: float  # over all steps
    eta_seconds: float
    checkpoint: Callable[[], Checkpoint] = field(repr=False, compare=False)

    @property
    def loss(self) -> float:
        """Mean over the members."""
        return sum(self.member_losses) / len(self.member_losses)


@dataclass(frozen=True)
class Learned:
    """The result of training: the members, float32 on the CPU, and how training went."""

    members: Members
    before: Evaluated
    after: Evaluated
    steps: int
    # Each member's training loss, as `LossCurve.points` gives it.
    curve: list[list[float]]
    text_tokens: int
    seconds: float
    tokens_per_second: float


class DivergedError(ArithmeticError):
    """A loss is not finite: the recipe's learning rate is too high for this LLM."""


Progress = Pause | Evaluated | Stepped | Learned
