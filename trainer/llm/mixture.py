"""Mixtures: rows that give one answer, each token drawn from the weighted mean of their distributions.

A row's weight is its share times the likelihood it gives to the tokens so far. So the answer is drawn from
the marginal over rows, RAG-Sequence's distribution (2005.11401), one token at a time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Mixture:
    """The identity of a mixture: rows that hold the same object are mixed."""


@dataclass(frozen=True)
class Part:
    """A row's part in a mixture; `share`, above 0, is its weight before the first token."""

    mixture: Mixture
    share: float = 1.0


class Mixing:
    """The mixtures of a batch and their rows' weights, while it is decoded."""

    def __init__(self, parts: Sequence[Part | None]) -> None:
        """`parts` has one entry per row, None for a row that is not mixed."""
        self._parts = parts
        # The logarithm of each row's weight, given the tokens so far.
        self._log_weights = [0.0 if part is None else math.log(part.share) for part in parts]

    def leaders(self) -> list[int]:
        """For each row, the first row of its mixture, whose random numbers count; itself if not mixed."""
        first: dict[Mixture, int] = {}
        return [
            number if part is None else first.setdefault(part.mixture, number)
            for number, part in enumerate(self._parts)
        ]

    def mixed(self, active: Sequence[int | None], log_probabilities: Tensor) -> Tensor:
        """The log-probabilities each active row draws from, [active, vocabulary] as those given.

        `active` has the rows' numbers, None for a row that has left its mixture.
        """
        places: dict[Mixture, list[tuple[int, float]]] = {}
        for place, number in enumerate(active):
            part = None if number is None else self._parts[number]
            if number is not None and part is not None:
                places.setdefault(part.mixture, []).append((place, self._log_weights[number]))
        if not places:
            return log_probabilities
        mixed = log_probabilities.clone()
        for weighted in places.values():
            rows = [place for place, _ in weighted]
            log_weights = torch.tensor(
                [log_weight for _, log_weight in weighted], device=log_probabilities.device
            ).log_softmax(0)
            mixed[rows] = torch.logsumexp(log_probabilities[rows] + log_weights[:, None], 0)
        return mixed

    def scale(self, number: int, log_likelihood: float) -> None:
        """Multiply a row's weight by a likelihood, such as that of the token just decoded."""
        self._log_weights[number] += log_likelihood
