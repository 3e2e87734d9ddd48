"""Rows that speak with one voice: each token comes from the average of what all of them would say.

With what a row has given the tokens so far as its weight, this decodes the marginal over rows, each row
weighed by its share: RAG-Sequence's distribution (2005.11401), one token at a time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Mixture:
    """Names the rows that are mixed: those that hold the same object."""


@dataclass(frozen=True)
class Part:
    """What a row is of a mixture; `share` is its weight before anything is said, above 0."""

    mixture: Mixture
    share: float = 1.0


class Mixing:
    """The mixtures of a batch while it is decoded."""

    def __init__(self, parts: Sequence[Part | None]) -> None:
        """`parts` are the rows', None for a row that speaks for itself."""
        self._parts = parts
        # The logarithm of each row's share, given what has been said.
        self._shares = [0.0 if part is None else math.log(part.share) for part in parts]

    def leaders(self) -> list[int]:
        """For each row the first of its mixture, which draws for it; itself where it is not mixed."""
        first: dict[Mixture, int] = {}
        return [
            number if part is None else first.setdefault(part.mixture, number)
            for number, part in enumerate(self._parts)
        ]

    def mixed(self, active: Sequence[int | None], log_probabilities: Tensor) -> Tensor:
        """What each active row draws from, [active, vocabulary] like `log_probabilities`.

        None is a row that has left its mixture.
        """
        places: dict[Mixture, list[tuple[int, float]]] = {}
        for place, number in enumerate(active):
            part = None if number is None else self._parts[number]
            if number is not None and part is not None:
                places.setdefault(part.mixture, []).append((place, self._shares[number]))
        if not places:
            return log_probabilities
        mixed = log_probabilities.clone()
        for own in places.values():
            rows = [place for place, _ in own]
            shares = torch.tensor([share for _, share in own]).log_softmax(0)
            mixed[rows] = torch.logsumexp(log_probabilities[rows] + shares[:, None], 0)
        return mixed

    def scale(self, number: int, log_likelihood: float) -> None:
        """Weigh a row by how likely to it something was that has been said, or has not been left out."""
        self._shares[number] += log_likelihood
