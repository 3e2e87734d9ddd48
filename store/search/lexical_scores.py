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

# Looking one document up in a list takes about as long as going through so many of its documents.
_LOOK_UP = 8
# By how much the sum of a few scores may be off.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class TermScores:
    """The documents that have a term: int32 numbers, ascending, and how often, both of shape (n,).

    A document that has it c times scores `most` * c / (c + its norm). `norms`, float32, has one for each
    document of the index.
    """

    documents: NDArray[np.int32]
    counts: NDArray[np.unsignedinteger]
    norms: NDArray[np.float32]
    most: float

    def scores(self) -> NDArray[np.float32]:
        """Return the float32 score of each of its documents."""
        return self._score(self.counts, self.documents)

    def scores_of(self, documents: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the score of each of these documents, 0 without the term."""
        if len(self.documents) <= _LOOK_UP * len(documents):
            every = np.zeros(len(self.norms), dtype=np.float32)
            every[self.documents] = self.scores()
            return every[documents]
        places = np.searchsorted(self.documents, documents)
        places[places == len(self.documents)] = 0
        having = self.documents[places] == documents
        found = np.zeros(len(documents), dtype=np.float32)
        found[having] = self._score(self.counts[places[having]], documents[having])
        return found

    def _score(
        self, counts: NDArray[np.unsignedinteger], documents: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        scores = counts.astype(np.float32)
        scores /= scores + self.norms[documents]
        scores *= np.float32(self.most)
        return scores


class LexicalScores:
    """The scores of every passage for one question, between 0 and 1. Equal passages have equal scores."""

    def __init__(self, ids: NDArray[np.int64], terms: Sequence[TermScores]) -> None:
        """`ids` are those of the documents, ascending, of shape (documents,)."""
        self._ids = ids
        # Every sum is taken in this order, so that no way to compute a score rounds otherwise.
        self._terms = sorted(terms, key=lambda term: -term.most)

    def all(self) -> NDArray[np.float32]:
        """Return the float32 score of every passage, in the order of the ids."""
        scores = np.zeros(len(self._ids), dtype=np.float32)
        for term in self._terms:
            scores[term.documents] += term.scores()
        return scores

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of these passages; one that is not in the index scores 0."""
        places = np.searchsorted(self._ids, ids)
        found = np.zeros(len(ids), dtype=np.float32)
        if len(self._ids) > 0:
            places[places == len(self._ids)] = 0
            known = self._ids[places] == ids
            documents = places[known].astype(np.int32)
            scores = np.zeros(len(documents), dtype=np.float32)
            for term in self._terms:
                scores += term.scores_of(documents)
            found[known] = scores
        return found

    def best(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids and scores of the `k` best passages, best first; fewer if others score 0."""
        scores = np.zeros(len(self._ids), dtype=np.float32)
        waiting = deque(self._terms)
        rest = sum(term.most for term in waiting)
        gone_through, needed = 0, 0.0
        while waiting and needed <= rest:
            scores[waiting[0].documents] += waiting[0].scores()
            gone_through += len(waiting[0].documents)
            rest -= waiting.popleft().most
            # Looking for the k-th best costs as much as the lists so far: do it before a longer one.
            if waiting and k <= gone_through < len(waiting[0].documents):
                needed = _kth_best(scores[scores > 0], k)
        found = np.flatnonzero(scores > max(0.0, needed - rest - _ROUNDING)).astype(np.int32)
        exact = scores[found]
        for term in waiting:
            exact += term.scores_of(found)
            rest -= term.most
            kept = exact > _kth_best(exact, k) - rest - _ROUNDING
            found, exact = found[kept], exact[kept]
        order = np.lexsort((found, -exact))[:k]
        return self._ids[found[order]], exact[order]


def _kth_best(scores: NDArray[np.float32], k: int) -> float:
    """Return the k-th highest of some scores, 0 of fewer."""
    return float(np.partition(scores, len(scores) - k)[-k]) if len(scores) >= k else 0.0
