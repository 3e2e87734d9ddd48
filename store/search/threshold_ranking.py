"""The best passages by meaning and by words together, without scoring all of a large library.

The best of either side are scored on both. What is among neither can score no more than the last of each
side together: once enough passages score at least that, none that was left out belongs to them (the threshold
algorithm of Fagin, Lotem and Naor, 2001).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.search.bm25 import BM25Index, WordScores
from store.search.faiss_snapshot import FaissSnapshot
from store.search.fusion import fused

# Of so many passages, each side gives all; of more, so many to begin with.
DEPTH = 4096


@dataclass(frozen=True, slots=True)
class Ranking:
    """Passages with their scores, best first."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    dense: NDArray[np.float32]
    lexical: NDArray[np.float32]


NOTHING = Ranking(np.empty(0, np.int64), *(np.empty(0, np.float32) for _ in range(3)))


def ranked(
    snapshot: FaissSnapshot,
    lexical: BM25Index,
    question: str,
    vector: NDArray[np.float32],
    count: int,
    *,
    among: NDArray[np.int64] | None = None,
    depth: int = DEPTH,
) -> Ranking:
    """Rank the `count` best passages, of all or `among` these, by the question's words and 1 x d vector.

    Of equal ones the first in the library comes first.
    """
    words = lexical.asked(question)
    if among is not None:
        return _best(*snapshot.search(vector, len(among), among), words, count)
    while True:
        dense, near = snapshot.search(vector, depth)
        if depth >= snapshot.state.passages:
            return _best(dense, near, words, count)
        worded, scores = words.best(depth)
        either = np.union1d(near, worded)
        found = _best(*snapshot.search(vector, len(either), either), words, count)
        most = fused(dense[-1:], scores[-1:])[0]
        # Rounding differs by a little from one way of computing a score to another.
        if len(found.scores) == count and found.scores[-1] >= most + 1e-6:
            return found
        depth *= 4


def _best(dense: NDArray[np.float32], ids: NDArray[np.int64], words: WordScores, count: int) -> Ranking:
    """Rank the best of these passages by both sides."""
    worded = words.of(ids)
    scores = fused(dense, worded)
    order = np.lexsort((ids, -scores))[:count]
    return Ranking(ids[order], scores[order], dense[order], worded[order])
