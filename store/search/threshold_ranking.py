"""Ranks the best passages by their fused scores, without scoring a large library in full.

It scores the nearest passages by meaning, and a few of the best by words. Any other passage is at most as
near as the last of the nearest, so that its words alone tell whether it can be among the best; the passages
whose words are good enough for that are scored, too (as in the threshold algorithm of Fagin, Lotem and Naor,
2001).
Of a library so large that its vectors have lists, the nearest are those that a search of the lists finds.
A passage that has no vector yet scores 0 by meaning.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.search.dense_scores import DenseScores
from store.search.fusion import DENSE_WEIGHT, fuse
from store.search.lexical_scores import LexicalScores

# So many passages or fewer are all scored.
FULL = 4096
# How many of the nearest are scored first, and of the best by words: more of these take longer to find.
NEAREST, BY_WORDS = 256, 64
# Two ways to compute one score may differ by so much.
_ROUNDING = 1e-6


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
    nearest: int = NEAREST,
) -> Ranking:
    """Rank the `count` best passages for a question by their scores of meaning and words.

    `among` are the int64 ids of the passages to choose from, ascending and in the index, by default all; each
    has a lexical score.
    Equal scores are in the order of the ids.
    """
    wanted = lexical.ids if among is None else among
    nearest = max(nearest, count)
    while nearest < len(lexical.ids) and len(wanted) > full:
        near, nearness = dense.best(nearest)
        few = _union(near, lexical.best(max(count, BY_WORDS))[0], among)
        found = _rank_ids(dense, lexical, few, count)
        if len(found.ids) == count:
            farther = float(nearness[-1]) if len(nearness) else 0.0
            if len(dense.ids) < len(lexical.ids):  # those without a vector score 0
                farther = max(farther, 0.0)
            # Whatever is less near than all of these needs so much by its words.
            needed = (found.scores[-1] - DENSE_WEIGHT * farther) / (1 - DENSE_WEIGHT) - _ROUNDING
            if needed > 0:
                more = _rank_ids(dense, lexical, _new(lexical.above(float(needed)), few, among), count)
                return _best_of(found, more, count)
        nearest *= 4
    return _rank_ids(dense, lexical, wanted, count)


def _union(
    one: NDArray[np.int64], other: NDArray[np.int64], among: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """The ids that are in one or the other, and wanted, ascending."""
    either = np.sort(np.concatenate([one, other]))
    either = either[np.diff(either, prepend=-1) > 0]
    return either if among is None else np.intersect1d(either, among, assume_unique=True)


def _new(
    ids: NDArray[np.int64], known: NDArray[np.int64], among: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """The ids that are not yet known, and wanted, ascending."""
    new = np.setdiff1d(ids, known, assume_unique=True)
    return new if among is None else np.intersect1d(new, among, assume_unique=True)


def _best_of(one: Ranking, other: Ranking, count: int) -> Ranking:
    """The best of two rankings."""
    ids, scores, dense, lexical = (
        np.concatenate([getattr(each, name) for each in (one, other)]) for name in Ranking.__slots__
    )
    order = np.lexsort((ids, -scores))[:count]
    return Ranking(ids[order], scores[order], dense[order], lexical[order])


def _rank_ids(dense: DenseScores, lexical: LexicalScores, ids: NDArray[np.int64], count: int) -> Ranking:
    """Rank the best of these passages."""
    by_meaning, by_words = dense.of(ids), lexical.of(ids)
    scores = fuse(by_meaning, by_words)
    order = np.lexsort((ids, -scores))[:count]
    return Ranking(ids[order], scores[order], by_meaning[order], by_words[order])
