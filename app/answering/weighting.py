"""The weight of a candidate, fitted on questions with known answers.

Members that read passages apart give one answer a passage. RAG-Sequence (2005.11401) and REPLUG (2301.12652)
weight each by its passage's retrieval score. Here the weight is log-linear in that score, in the LLM's own
judgement whether the passage answers the question, in the likelihood of the answer, and, where the skill has
learned to judge, in how probable it says it is that the answer is right.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

from app.answering.types import PassageAnswer

FEATURES = ("answerable", "retrieval", "log_likelihood", "right")


class Weighting(BaseModel):
    """A coefficient for each of `FEATURES`; that of `right` is 0 for a skill that does not judge answers.

    `ceiling` bounds what a candidate's features other than retrieval add to the logarithm of its weight:
    nearly every candidate stays below it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    answerable: float
    retrieval: float
    log_likelihood: float
    right: float = 0.0
    ceiling: float = 0.0

    @property
    def judges(self) -> bool:
        """Whether answers are judged."""
        return self.right != 0

    def weights(self, answers: Sequence[PassageAnswer]) -> list[float]:
        """The weight of each candidate. They sum to 1."""
        return softmax(features(answers) @ self._coefficients)

    def trust(self, answers: Sequence[PassageAnswer]) -> list[float]:
        """The weight of each candidate's passage, whatever the answer read from it. They sum to 1."""
        return softmax(features(answers)[:, :2] @ self._coefficients[:2])

    def shares(self, retrieval: Sequence[float]) -> list[float]:
        """The weight of each passage before it is read, by its score. They sum to 1."""
        return softmax(self.retrieval * _retrieval(retrieval))

    def masses(self, answers: Sequence[PassageAnswer], top: float) -> list[float]:
        """The weight of each candidate on the scale of `most`; `top` is the best passage's score."""
        return np.exp(features(answers, top) @ self._coefficients).tolist()  # type: ignore[no-any-return]

    def most(self, retrieval: Sequence[float], top: float) -> list[float]:
        """The most that candidates not heard yet will weigh, by the scores of their passages."""
        return np.exp(self.ceiling + self.retrieval * _retrieval(retrieval, top)).tolist()  # type: ignore[no-any-return]

    @property
    def powers(self) -> dict[str, float]:
        """The coefficients by the names of `FEATURES`: the powers to which the weight multiplies these."""
        return {name: getattr(self, name) for name in FEATURES}

    @property
    def _coefficients(self) -> NDArray[np.float64]:
        return np.array(list(self.powers.values()))


def features(answers: Sequence[PassageAnswer], top: float | None = None) -> NDArray[np.float64]:
    """`FEATURES` of each candidate [candidates, features]: the first two as logarithms, the last as log-odds.

    Retrieval counts as a share of `top`, by default the best score among these candidates. The log-odds of an
    answer that was not judged are 0.
    """
    right = np.clip([0.5 if one.right is None else one.right for one in answers], 0.01, 0.99)
    columns = [
        np.log(np.maximum(1e-4, [one.answerable for one in answers])),
        _retrieval([one.retrieval for one in answers], top),
        np.array([one.log_likelihood for one in answers], dtype=np.float64),
        np.log(right / (1 - right)),
    ]
    return np.stack(columns, axis=1)


def _retrieval(scores: Sequence[float], top: float | None = None) -> NDArray[np.float64]:
    """The logarithm of each score as a share of the best; a small share counts as one of .05."""
    best = max(max(scores, default=0.0) if top is None else top, 1e-6)
    return np.log(np.maximum(0.05, np.array(scores, dtype=np.float64) / best))


def softmax(scores: ArrayLike) -> list[float]:
    """Exp of the scores, together 1."""
    scores = np.asarray(scores, dtype=np.float64)
    odds = np.exp(scores - scores.max())
    return [float(value) for value in odds / odds.sum()]
