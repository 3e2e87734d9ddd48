"""Ranks the best passages by their fused scores, without scoring a large library in full.

It scores the union of the best passages by meaning and the best by words. Any other passage can score at most
what the last of both lists would together. Once the wanted number of passages score at least that, they are
the best (the threshold algorithm of Fagin, Lotem and Naor, 2001); until then, it takes longer lists. Of a
library so large that its vectors have lists, the best by meaning are those that a search of the lists finds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.search.faiss_snapshot import DenseScores
from store.search.fusion import fuse
from store.search.lexical_scores import LexicalScores

# So many passages or fewer are all scored.
FULL = 4096
# The length of the first two lists, mostly enough for the best eight; each next is four times as long.
DEPTH = 256


@dataclass(frozen=True, slots=True)
class Ranking:
    """Passages, best first: their int64 ids, and their float32 scores, each of shape (n,)."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    dense: NDArray[np.float32]
    lexical: NDArray[np.float32]


def rank(
    dense: DenseScores,
    lexical: LexicalScores,
    count: int,
    *,
    among: NDArray[np.int64] | None = None,
    full: int = FULL,
    depth: int = DEPTH,
) -> Ranking:
    """Rank the `count` best passages for a question by their scores of meaning and words.

    `among` are the int64 ids of the passages to choose from, ascending and in the index, by default all.
    Equal scores are in the order of the ids.
    """
    wanted = dense.ids if among is None else among
    while depth < len(dense.ids) and len(wanted) > full:
        dense_ids, dense_scores = dense.best(depth)
        lexical_ids, lexical_scores = lexical.best(depth)
        either = np.sort(np.concatenate([dense_ids, lexical_ids]))
        either = either[np.diff(either, prepend=-1) > 0]
        if among is not None:
            either = np.intersect1d(either, among, assume_unique=True)
        found = _rank_ids(dense, lexical, either, count)
        # A passage that is not among the best by words may still have some, unless all that have any are.
        last_lexical = lexical_scores[-1:] if len(lexical_ids) == depth else np.zeros(1, dtype=np.float32)
        most_of_others = fuse(dense_scores[-1:], last_lexical)[0]
        # Two ways to compute one score may differ a little by rounding.
        if len(found.scores) == count and found.scores[-1] >= most_of_others + 1e-6:
            return found
        depth *= 4
    return _rank_ids(dense, lexical, wanted, count)


def _rank_ids(dense: DenseScores, lexical: LexicalScores, ids: NDArray[np.int64], count: int) -> Ranking:
    """Rank the best of these passages."""
    by_meaning, by_words = dense.of(ids), lexical.of(ids)
    scores = fuse(by_meaning, by_words)
    order = np.lexsort((ids, -scores))[:count]
    return Ranking(ids[order], scores[order], by_meaning[order], by_words[order])
