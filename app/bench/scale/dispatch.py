"""Which answerer a question goes to, by how busy each is and what each has read."""

from collections.abc import Callable
from itertools import islice

from app.bench.scale.setup import Setup

# Of the answerers that have read of a book, how many are compared.
_COMPARED = 4


class Loads:
    """How many questions each answerer has, waiting and worked on; the least busy is found at once."""

    def __init__(self, answerers: int) -> None:
        self.of = [0] * answerers
        # Answerers by how many questions they have, those that came to have so many first in front.
        self._levels: list[dict[int, None]] = [dict.fromkeys(range(answerers))]
        self._lowest = 0

    def change(self, answerer: int, by: int) -> None:
        """One question more, or less: `by` is 1 or -1."""
        before = self.of[answerer]
        after = self.of[answerer] = before + by
        del self._levels[before][answerer]
        if after == len(self._levels):
            self._levels.append({})
        self._levels[after][answerer] = None
        if after < self._lowest or not self._levels[self._lowest]:
            self._lowest = after

    @property
    def least(self) -> int:
        """An answerer that has as few questions as any."""
        return next(iter(self._levels[self._lowest]))


class Holders:
    """Which answerers have read, or are about to read, of each book."""

    def __init__(self) -> None:
        self._of: dict[int, dict[int, int]] = {}

    def take(self, book: int, answerer: int) -> None:
        """One place of the book more at this answerer."""
        held = self._of.setdefault(book, {})
        held[answerer] = held.get(answerer, 0) + 1

    def drop(self, book: int, answerer: int) -> None:
        """One place of the book less."""
        held = self._of[book]
        held[answerer] -= 1
        if not held[answerer]:
            del held[answerer]
            if not held:
                del self._of[book]

    def some(self, book: int) -> list[int]:
        """A few of them, those that have held the book longest."""
        return list(islice(self._of.get(book, ()), _COMPARED))


def chooser(setup: Setup, loads: Loads, holders: Holders) -> Callable[[int, int], int]:
    """What chooses the answerer of a question about a book; its second argument is a random number from 0 to
    the number of answerers.
    """
    if setup.dispatch == "random":
        return lambda _, drawn: drawn
    if setup.dispatch == "least-loaded":
        return lambda *_: loads.least

    def by_version(book: int, _: int) -> int:
        least = loads.least
        held = holders.some(book)
        if not held:
            return least
        best = held[0] if len(held) == 1 else min(held, key=loads.of.__getitem__)
        return best if loads.of[best] <= loads.of[least] + setup.slack else least

    return by_version
