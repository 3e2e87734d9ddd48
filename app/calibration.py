"""How probable it is that an answer is right: fitted on questions with known answers (Platt 1999).

Two logistic regressions, one after the other. Whether the book tells the answer at all is learned from
questions asked of their own book and of another; whether an answer is right, if it does, from the former.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

TOLD = ("retrieval", "answerable")
RIGHT = ("worth", "log_likelihood")


@dataclass(frozen=True)
class Evidence:
    """What speaks for an answer.

    `retrieval` is the score of the best passage that was read, `worth` the answer's by consensus;
    `answerable` and `log_likelihood` are the candidates' means, by their weights.
    """

    retrieval: float
    answerable: float
    worth: float
    log_likelihood: float

    @classmethod
    def of(
        cls,
        weights: Sequence[float],
        answerable: Sequence[float],
        log_likelihoods: Sequence[float],
        *,
        retrieval: float,
        worth: float,
    ) -> "Evidence":
        """The evidence of weighed candidates."""
        return cls(
            retrieval,
            float(np.average(answerable, weights=weights)),
            worth,
            float(np.average(log_likelihoods, weights=weights)),
        )


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
    """`told`: the probability that the book tells the answer; `right`: that an answer then is right."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    told: Logistic
    right: Logistic

    def confidence(self, evidence: Evidence) -> float:
        """The probability that the book tells the answer and that it is this one."""
        return self.told.probability(evidence) * self.right.probability(evidence)
