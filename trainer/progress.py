"""What training tells while it goes on."""

from dataclasses import dataclass

from trainer.methods.members import Members


@dataclass(frozen=True)
class Pause:
    """Between two passes of a step: nothing to report, a good moment to let somebody else have the LLM."""


@dataclass(frozen=True)
class Evaluated:
    """Held-out loss, nats per token, of the bare LLM and of each member; NaN where nothing is held out."""

    stage: str  # "before" or "after" learning; "champion": those of another version, to compare with
    bare_loss: float
    member_losses: list[float]


@dataclass(frozen=True)
class Stepped:
    """One optimiser step. `steps` is an estimate while a limit in seconds is in force."""

    step: int
    steps: int
    member_losses: list[float]
    tokens_per_second: float  # of all members, virtual tokens included
    eta_seconds: float

    @property
    def loss(self) -> float:
        """Mean over the members."""
        return sum(self.member_losses) / len(self.member_losses)


@dataclass(frozen=True)
class Learned:
    """What training gives: the members, float32 on the CPU, and how it went."""

    members: Members
    before: Evaluated
    after: Evaluated
    curve: list[list[float]]  # per step, each member's training loss
    text_tokens: int
    seconds: float
    tokens_per_second: float


class DivergedError(ArithmeticError):
    """A loss is no longer a number; the recipe learns too fast for this LLM."""


Progress = Pause | Evaluated | Stepped | Learned
