"""How often each book of a library is asked about: Zipf's law over the ranks of the books."""

import numpy as np
from numpy.typing import NDArray

# Ranks with a probability of their own; those after them are in groups, each as wide as this share of its
# first rank.
_SINGLE = 1000
_WIDTH = 0.01


class Zipf:
    """Books by rank, rank r asked about in proportion to r ** -exponent.

    Ranks above 1,000 are taken together in groups of 1% width, in which all are equally likely: nothing here
    grows with the number of books but by its logarithm. `counts` are the books of each group, `masses` the
    probability of each whole group; float64, shape (groups,).
    """

    def __init__(self, books: int, exponent: float) -> None:
        """ValueError: there is no book, or the exponent is negative."""
        if books < 1 or exponent < 0:
            raise ValueError(
                f"expected a book or more and an exponent of 0 or more, not {books} and {exponent}"
            )
        self.books = books
        self.exponent = exponent
        firsts = list(range(1, min(books, _SINGLE) + 1))
        while (rank := firsts[-1] + max(1, int(firsts[-1] * _WIDTH) * (len(firsts) > _SINGLE))) <= books:
            firsts.append(rank)
        self._firsts = np.array(firsts, dtype=np.int64)
        ends = np.append(self._firsts[1:], books + 1)
        self.counts = (ends - self._firsts).astype(np.float64)
        weights = _integral(self._firsts.astype(np.float64) - 0.5, ends.astype(np.float64) - 0.5, exponent)
        weights[self.counts == 1] = self._firsts[self.counts == 1].astype(np.float64) ** -exponent
        self.masses = weights / weights.sum()

    def draw(self, random: np.random.Generator, number: int) -> NDArray[np.int64]:
        """Ranks of so many books, from 0, each drawn by how often it is asked about."""
        groups = np.searchsorted(np.cumsum(self.masses)[:-1], random.random(number), side="right")
        within = (random.random(number) * self.counts[groups]).astype(np.int64)
        return self._firsts[groups] - 1 + within


def _integral(start: NDArray[np.float64], end: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """The integral of x ** -exponent, which stands for the sum over whole numbers half a step inside."""
    if abs(exponent - 1) < 1e-9:
        return np.log(end / start)
    return (end ** (1 - exponent) - start ** (1 - exponent)) / (1 - exponent)
