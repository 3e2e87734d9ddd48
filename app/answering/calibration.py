"""How probable it is that an answer is right: fitted on questions with known answers (Platt 1999).

Two logistic regressions, one after the other. The first says whether the book tells the answer at all: it is
fitted on questions asked of their own book and of another book. The second says whether an answer is right if
the book tells it: it is fitted on questions asked of their own book.
"""

import math
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

ANSWERABLE = ("retrieval", "answerable", "right")
RIGHT = ("worth", "log_likelihood", "right")


@dataclass(frozen=True)
class Evidence:
    """What speaks for an answer.

    `retrieval` is the score of the best passage that was read, `worth` the answer's expected agreement with
    the other candidates. `answerable` and `log_likelihood` are means over the candidates by their weights.
    `right` is the probability that the answer is right by the skill's own judgement, .5 where it has none.
    """

    retrieval: float
    answerable: float
    worth: float
    log_likelihood: float
    right: float = 0.5


class Logistic(BaseModel):
    """The logistic function of an intercept and of features times their slopes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    intercept: float
    slopes: dict[str, float]

    def probability(self, evidence: Evidence) -> float:
        """The probability, given the evidence."""
        score = self.intercept + sum(
            slope * getattr(evidence, feature) for feature, slope in self.slopes.items()
        )
        return 1 / (1 + math.exp(-min(max(score, -500), 500)))


class Calibration(BaseModel):
    """`answerable`: the probability that the book tells the answer; `right`: that an answer then is right.

    Answers with a confidence below `decline_below` are not given, unless a question says otherwise; None
    gives all. In files `answerable` is called `told`.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    answerable: Logistic = Field(validation_alias="told", serialization_alias="told")
    right: Logistic
    decline_below: float | None = Field(None, ge=0, le=1)

    def confidence(self, evidence: Evidence) -> float:
        """The probability that the book tells the answer and that it is this one."""
        return self.answerable.probability(evidence) * self.right.probability(evidence)
