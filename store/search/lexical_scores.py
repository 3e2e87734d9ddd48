"""The scores of all passages for the words of one question, without going through every passage.

The documents of a question's rarest terms are scored in full. Once all other terms together cannot lift a
further document into the best ones, their long lists are only asked about the documents already found
(MaxScore: Turtle and Flood, Query evaluation: strategies and optimizations, 1995).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Looking one document up in a list takes about as long as going through so many of its documents, and as
# filling so many places with zeros.
_LOOK_UP, _ZEROS = 8, 256
# So many of the documents found are looked at to say whether others can be better.
_SOME = 1 << 14
# By how much the sum of a few scores may be off.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class TermScores:
    """The documents that have a term, of an index of `size`: int32 numbers, ascending, of shape (n,).

    Each scores its share of `most`; `shares` is float32 of shape (n,).
    """

    documents: NDArray[np.int32]
    shares: NDArray[np.float32]
    most: float
    size: int

    def scores(self) -> NDArray[np.float32]:
        """Return the float32 score of each of its documents."""
        return self.shares * np.float32(self.most)

    def scores_of(self, documents: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the score of each of these documents, 0 without the term."""
        if len(self.documents) / _LOOK_UP + self.size / _ZEROS <= len(documents):
            every = np.zeros(self.size, dtype=np.float32)
            every[self.documents] = self.scores()
            return every[documents]
        places = np.searchsorted(self.documents, documents)
        places[places == len(self.documents)] = 0
        having = self.documents[places] == documents
        return np.where(having, self.shares[places] * np.float32(self.most), np.float32(0))


class LexicalScores:
    """The scores of every passage for one question, between 0 and 1. For use by one thread."""

    def __init__(self, ids: NDArray[np.int64], terms: Sequence[TermScores]) -> None:
        """`ids` are those of the documents, ascending, of shape (documents,)."""
        self.ids = ids
        self._terms = terms
        # The shortest lists are gone through first; the others together score `_rest` at most.
        self._waiting = deque(sorted(terms, key=lambda term: len(term.documents)))
        self._rest = sum(term.most for term in terms)
        self._so_far = np.zeros(len(ids), dtype=np.float32)
        # Some of the documents found, each once: the k-th best of them is at most the k-th best of all.
        self._some = np.empty(0, dtype=np.int32)

    def all(self) -> NDArray[np.float32]:
        """Return the float32 score of every passage, in the order of the ids."""
        scores = np.zeros(len(self.ids), dtype=np.float32)
        for term in self._terms:
            scores[term.documents] += term.scores()
        return scores

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of these passages; one that is not in the index scores 0."""
        places = np.searchsorted(self.ids, ids)
        found = np.zeros(len(ids), dtype=np.float32)
        if len(self.ids) > 0:
            places[places == len(self.ids)] = 0
            known = self.ids[places] == ids
            documents = places[known].astype(np.int32)
            scores = np.zeros(len(documents), dtype=np.float32)
            for term in self._terms:
                scores += term.scores_of(documents)
            found[known] = scores
        return found

    def best(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids and scores of the `k` best passages, best first; fewer if others score 0.

        Here and in `above`, scores may be rounded otherwise than in `of`.
        """
        needed = 0.0
        while True:
            # Going through a list that is shorter costs less than to look.
            if self._waiting and len(self._waiting[0].documents) > len(self._some):
                needed = _kth_best(self._so_far[self._some], k)
            if not self._waiting or needed > self._rest:
                break
            self._go_through_next()
        found, scores = self._candidates(needed, k)
        order = np.lexsort((found, -scores))[:k]
        return self.ids[found[order]], scores[order]

    def above(self, score: float) -> NDArray[np.int64]:
        """Return the ids of all passages of this score, above 0, or a higher one, ascending.

        Some may be among them that are below by rounding.
        """
        while self._waiting and score <= self._rest:
            self._go_through_next()
        return self.ids[self._candidates(score, len(self.ids) + 1)[0]]

    def _go_through_next(self) -> None:
        """Add the shortest list that waits to the scores so far."""
        term = self._waiting.popleft()
        before = self._so_far[term.documents]
        if len(self._some) < _SOME:
            self._some = np.concatenate([self._some, term.documents[before == 0][:_SOME]])
        self._so_far[term.documents] = before + term.scores()
        self._rest -= term.most

    def _candidates(self, needed: float, k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The documents, ascending, that score as much as `needed` and as the k-th best, and their scores."""
        rest = self._rest
        found = np.flatnonzero(self._so_far > max(0.0, needed - rest - _ROUNDING)).astype(np.int32)
        scores = self._so_far[found]
        for term in sorted(self._waiting, key=lambda term: -term.most):
            scores += term.scores_of(found)
            rest -= term.most
            kept = scores > max(needed, _kth_best(scores, k)) - rest - _ROUNDING
            found, scores = found[kept], scores[kept]
        return found, scores


def _kth_best(scores: NDArray[np.float32], k: int) -> float:
    """Return the k-th highest of some scores, 0 of fewer."""
    return float(np.partition(scores, len(scores) - k)[-k]) if len(scores) >= k else 0.0
