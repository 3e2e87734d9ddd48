"""Which of the candidates is the answer: the one that agrees most with all others, by their weights."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from app.answering.calibration import Evidence
from app.answering.normalisation import normalised


class Weighed(Protocol):
    """An answer with what is known of it; `answerable` is None where that is not known."""

    @property
    def text(self) -> str:
        """What was said."""

    @property
    def answerable(self) -> float | None:
        """The probability that what was read answers the question."""

    @property
    def log_likelihood(self) -> float:
        """Mean per token."""

    @property
    def right(self) -> float | None:
        """The probability that it is right, None where nobody judged that."""


def elect(answers: Sequence[Weighed], weights: Sequence[float], retrieval: float) -> tuple[int, Evidence]:
    """The number of the answer with the most worth by `consensus`, of equals the heaviest; and its evidence.

    `retrieval` is the score of the best passage.
    """
    worth = consensus([one.text for one in answers], weights)
    best = max(range(len(answers)), key=lambda number: (worth[number], weights[number]))
    answerable = np.average([one.answerable or 0.0 for one in answers], weights=weights)
    likelihood = np.average([one.log_likelihood for one in answers], weights=weights)
    judged = answers[best].right
    return best, Evidence(
        retrieval,
        float(answerable),
        min(1.0, worth[best]),
        float(likelihood),
        0.5 if judged is None else judged,
    )


def consensus(texts: Sequence[str], weights: Sequence[float]) -> list[float]:
    """The worth of each text: its expected overlap with the right answer, if each is right with its weight.

    The best by it is the choice of minimum Bayes risk (Kumar and Byrne 2004).
    """
    total = sum(weights) or 1.0
    return [
        sum(weight * overlap(text, other) for other, weight in zip(texts, weights, strict=True)) / total
        for text in texts
    ]


def overlap(one: str, other: str) -> float:
    """F1 of the words two answers share (SQuAD's, 1606.05250)."""
    first, second = normalised(one).split(), normalised(other).split()
    shared = sum(min(first.count(word), second.count(word)) for word in set(first))
    return 2 * shared / (len(first) + len(second)) if first and second else 0.0
