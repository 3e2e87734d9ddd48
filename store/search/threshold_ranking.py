"""Ranks the best passages by their fused scores, without scoring a large library in full.

It scores the union of the best passages by meaning and the best by words. Any other passage can score at most
what the last of both lists would together. Once the wanted number of passages score at least that, they are
the best (the threshold algorithm of Fagin, Lotem and Naor, 2001); until then, it takes longer lists.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.search.bm25 import BM25Index, LexicalScores
from store.search.faiss_snapshot import FaissSnapshot
from store.search.fusion import fuse

# The length of the first two lists. A library of so many passages or fewer is scored in full.
DEPTH = 4096


@dataclass(frozen=True, slots=True)
class Ranking:
    """Passages, best first: their int64 ids, and their float32 scores, each of shape (n,)."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    dense: NDArray[np.float32]
    lexical: NDArray[np.float32]


def rank(
    snapshot: FaissSnapshot,
    lexical: BM25Index,
    question: str,
    vector: NDArray[np.float32],
    count: int,
    *,
    among: NDArray[np.int64] | None = None,
    depth: int = DEPTH,
) -> Ranking:
    """Rank the `count` best passages for a question by its words and its float32 vector of shape (1, d).

    `among` are the int64 ids of the passages to choose from, by default all. Equal scores are in the order of
    the ids.
    """
    question_scores = lexical.score(question)
    if among is not None:
        return _rank_ids(*snapshot.search(vector, len(among), among), question_scores, count)
    while True:
        dense, dense_ids = snapshot.search(vector, depth)
        if depth >= snapshot.state.passages:
            return _rank_ids(dense, dense_ids, question_scores, count)
        lexical_ids, lexical_scores = question_scores.best(depth)
        either = np.union1d(dense_ids, lexical_ids)
        found = _rank_ids(*snapshot.search(vector, len(either), either), question_scores, count)
        most_of_others = fuse(dense[-1:], lexical_scores[-1:])[0]
        # Two ways to compute one score may differ a little by rounding.
        if len(found.scores) == count and found.scores[-1] >= most_of_others + 1e-6:
            return found
        depth *= 4


def _rank_ids(
    dense: NDArray[np.float32], ids: NDArray[np.int64], question_scores: LexicalScores, count: int
) -> Ranking:
    """Rank the best of these passages, of which the dense scores are known."""
    lexical = question_scores.of(ids)
    scores = fuse(dense, lexical)
    order = np.lexsort((ids, -scores))[:count]
    return Ranking(ids[order], scores[order], dense[order], lexical[order])
