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

    def told_harm(self, whose: str = "Its members") -> str:
        """Say that answers are worse with the members, by how much, and when these answer all the same."""
        return (
            f"{whose} make answers worse, by {self} of ROUGE-L on {self.questions} questions that it did not "
            "learn: they answer only where an ask says `always`."
        )

    def __str__(self) -> str:
        """As in `+.012 [-.004, .028]`."""
        mean = _short(self.difference, "+")
        if self.low is None or self.high is None:
            return mean
        return f"{mean} [{_short(self.low)}, {_short(self.high)}]"


def contribution(metrics: Mapping[str, Any]) -> Contribution | None:
    """What the metrics of a version say that its members add; None where that was not measured."""
    try:
        return Contribution.model_validate(metrics.get("adds"))
    except ValidationError:
        return None


def _short(value: float, sign: str = "-") -> str:
    """Three decimals without the zero before the point."""
    return f"{value:{sign}.3f}".replace("0.", ".", 1)
