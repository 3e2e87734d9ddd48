"""The best passages by meaning and by words together, without scoring all of a large library.

The best of either side are scored on both. What is among neither can score no more than the last of each
side together: once enough passages score at least that, none that was left out belongs to them (the threshold
algorithm of Fagin, Lotem and Naor, 2001).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.fusion import fused
from store.lexical import Lexical
from store.snapshot import Snapshot

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
    snapshot: Snapshot,
    lexical: Lexical,
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
    if among is not None:
        return _scored(snapshot, lexical, question, vector, among, count)
    passages = snapshot.state.passages
    while True:
        dense, near = snapshot.search(vector, depth)
        if depth >= passages:
            return _scored(snapshot, lexical, question, vector, near, count)
        worded, scores = lexical.best(question, depth)
        found = _scored(snapshot, lexical, question, vector, np.union1d(near, worded), count)
        most = fused(dense[-1:], scores[-1:])[0]
        # Rounding differs by a little from one way of computing a score to another.
        if len(found.scores) == count and found.scores[-1] >= most + 1e-6:
            return found
        depth *= 4


def _scored(
    snapshot: Snapshot,
    lexical: Lexical,
    question: str,
    vector: NDArray[np.float32],
    among: NDArray[np.int64],
    count: int,
) -> Ranking:
    """Score these passages on both sides, and rank the best."""
    dense, ids = snapshot.search(vector, len(among), among)
    worded = lexical.scores(question, ids)
    scores = fused(dense, worded)
    order = np.lexsort((ids, -scores))[:count]
    return Ranking(ids[order], scores[order], dense[order], worded[order])
