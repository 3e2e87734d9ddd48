"""How probable it is that an answer is right: fitted on questions with known answers (Platt 1999).

Two logistic regressions, one after the other. Whether the book tells the answer at all is learned from
questions asked of their own book and of another; whether an answer is right, if it does, from the former.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from app.answering.weighting import elect

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


class Spoken(Protocol):
    """An answer that was given; `answerable` is None where that is not known."""

    @property
    def text(self) -> str:
        """What was said."""

    @property
    def answerable(self) -> float | None:
        """The probability that what was read answers the question."""

    @property
    def log_likelihood(self) -> float:
        """Mean per token."""


def elected(spoken: Sequence[Spoken], weights: Sequence[float], retrieval: float) -> tuple[int, Evidence]:
    """Which of the weighed answers is elected, and what speaks for it; `retrieval` is the best passage's."""
    best, worth = elect([one.text for one in spoken], weights)
    answerable = np.average([one.answerable or 0.0 for one in spoken], weights=weights)
    likelihood = np.average([one.log_likelihood for one in spoken], weights=weights)
    return best, Evidence(retrieval, float(answerable), worth, float(likelihood))


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
