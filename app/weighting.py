"""What a candidate's word weighs: learned from how good answers to questions with known answers were.

A logistic model turns what is known about a candidate before anybody says whether it is right (how likely its
passage answers the question, how likely the answer is with and without it, how well the passage was found,
whether others say the same) into the ROUGE-L it can be expected to have.
"""

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from app.readers import Said
from app.voting import normalised

FEATURES = (
    "answerable",
    "answerable_share",
    "log_likelihood",
    "contrast",
    "retrieval",
    "first",
    "agreement",
    "support",
    "length",
)


class Weighting(BaseModel):
    """Coefficients of `FEATURES` and the intercept; `sharpness` is the power of a weight in the vote."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    coefficients: dict[str, float]
    intercept: float
    sharpness: float = 1.0

    def expected(self, said: Sequence[Said]) -> list[float]:
        """The quality each candidate can be expected to have, from 0 to 1."""
        values = features(said)
        weights = np.array([self.coefficients[name] for name in FEATURES])
        return [float(value) for value in 1 / (1 + np.exp(-(values @ weights + self.intercept)))]


def features(said: Sequence[Said]) -> NDArray[np.float64]:
    """`FEATURES` of each candidate: [candidates, features]."""
    total = sum(one.answerable for one in said)
    rows = []
    for one in said:
        others = [other for other in said if other is not one]
        heard = sum(other.answerable for other in others)
        agreement = sum(other.answerable * overlap(one.text, other.text) for other in others)
        rows.append(
            [
                math.log(max(1e-4, one.answerable)),
                one.answerable / max(1e-9, total),
                one.log_likelihood,
                one.log_likelihood - one.prior,
                one.reader.retrieval,
                float(one.reader.rank == 0),
                agreement / max(1e-9, heard),
                support(one.text, one.reader.text),
                math.log1p(len(normalised(one.text).split())),
            ]
        )
    return np.array(rows, dtype=np.float64).reshape(len(said), len(FEATURES))


def overlap(one: str, other: str) -> float:
    """F1 of the words two answers share (SQuAD's, 1606.05250)."""
    first, second = normalised(one).split(), normalised(other).split()
    shared = sum(min(first.count(word), second.count(word)) for word in set(first))
    return 2 * shared / (len(first) + len(second)) if first and second else 0.0


def support(answer: str, passage: str) -> float:
    """The share of an answer's words that its passage holds."""
    told = set(re.findall(r"\w+", passage.casefold()))
    said = normalised(answer).split()
    return sum(word in told for word in said) / len(said) if said else 0.0


def consensus(texts: Sequence[str], weights: Sequence[float]) -> list[float]:
    """The worth of each text: its expected overlap with the right answer, if each is right with its weight.

    The best by it is the choice of minimum Bayes risk (Kumar and Byrne 2004).
    """
    total = sum(weights) or 1.0
    return [
        sum(weight * overlap(text, other) for other, weight in zip(texts, weights, strict=True)) / total
        for text in texts
    ]
