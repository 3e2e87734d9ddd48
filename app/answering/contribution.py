"""What a version's members add to answers, and whether they answer at all."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

# Who answers about a book that has been learned: its members unless they are known to do harm, or as told.
MembersChoice = Literal["auto", "always", "never"]


class Contribution(BaseModel):
    """How much better answers are with the members than without, by ROUGE-L, over so many `questions`.

    Each question is asked both ways. `low` and `high` are the 95% interval of the mean `difference`, None
    where the questions are too few for one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    difference: float
    low: float | None
    high: float | None
    questions: int

    @property
    def harms(self) -> bool:
        """Whether answers are worse: the whole interval is below zero."""
        return self.high is not None and self.high < 0

    @property
    def harm(self) -> str | None:
        """What members that do harm cost: `answers to 12 held-out questions lost .100 of ROUGE-L on average
        [.050, .200]`; None where they do none.
        """
        if self.low is None or self.high is None or not self.harms:
            return None
        lost = f"{_short(-self.difference)} of ROUGE-L on average {_between(-self.high, -self.low)}"
        return f"answers to {self.questions} held-out questions lost {lost}"

    def told_harm(self, whose: str = "its members") -> str | None:
        """Say what members that do harm cost, and when they answer all the same; None where they do none."""
        if self.harm is None:
            return None
        return f"With {whose}, {self.harm}: they answer only where an ask says `always`."

    def __str__(self) -> str:
        """As in `+.012 [-.004, .028]`."""
        mean = _short(self.difference, "+")
        if self.low is None or self.high is None:
            return mean
        return f"{mean} {_between(self.low, self.high)}"


def contribution(metrics: Mapping[str, Any]) -> Contribution | None:
    """What the metrics of a version say that its members add; None where that was not measured."""
    try:
        return Contribution.model_validate(metrics.get("adds"))
    except ValidationError:
        return None


def _between(low: float, high: float) -> str:
    return f"[{_short(low)}, {_short(high)}]"


def _short(value: float, sign: str = "-") -> str:
    """Three decimals without the zero before the point."""
    return f"{value:{sign}.3f}".replace("0.", ".", 1)
