"""How near the vectors of passages are to that of one question."""

import warnings

import numpy as np
from numpy.typing import NDArray

with warnings.catch_warnings():
    # SWIG's own types make Python 3.12 and later warn at import.
    warnings.filterwarnings("ignore", "builtin type .* has no __module__ attribute", DeprecationWarning)
    import faiss

__all__ = ["DenseScores", "faiss", "no_scores", "places_of"]

# So many more than are asked for are taken from the lists, to be scored exactly: rounding misplaces some.
_MORE = 120


class DenseScores:
    """The inner products of the passages' vectors with that of one question; `ids` are of these passages."""

    def __init__(
        self,
        ids: NDArray[np.int64],
        vectors: NDArray[np.float32],
        lists: faiss.IndexIVF | None,
        vector: NDArray[np.float32],
    ) -> None:
        """Take vectors of shape (n, d) under ids of shape (n,), their lists, and a vector of shape (1, d)."""
        self.ids = ids
        self._vectors = vectors
        self._lists = lists
        self._vector = vector
        self._every: NDArray[np.float32] | None = None

    def all(self) -> NDArray[np.float32]:
        """Return the float32 score of every passage that has a vector, in the order of the ids."""
        if self._every is None:
            self._every = np.empty(len(self.ids), dtype=np.float32)
            count, dimension = self._vectors.shape
            given = self._every, self._vector, self._vectors
            pointers = [faiss.swig_ptr(array) for array in given]
            faiss.fvec_inner_products_ny(*pointers, dimension, count)  # type: ignore[attr-defined]
        return self._every

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of these passages, of shape (n,): 0 for one that has no vector."""
        found = np.zeros(len(ids), dtype=np.float32)
        places, known = places_of(self.ids, ids)
        places = places[known]
        if self._every is not None:
            found[known] = self._every[places]
        elif len(places):
            # The sums are those of `all`, to the last bit: equal passages have equal scores.
            scores = np.empty(len(places), dtype=np.float32)
            given = scores, self._vector, self._vectors, places
            pointers = [faiss.swig_ptr(array) for array in given]
            dimension = self._vectors.shape[1]
            faiss.fvec_inner_products_by_idx(*pointers, dimension, 1, len(places))  # type: ignore[attr-defined]
            found[known] = scores
        return found

    def best(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids and scores of up to `k` passages, best first.

        With lists, they are the best of the lists that are searched.
        """
        if self._lists is None:
            scores, k = self.all(), min(k, len(self.ids))
            places = np.argpartition(-scores, k - 1)[:k] if k else np.empty(0, dtype=np.int64)
            ids, scores = self.ids[places], scores[places]
        else:
            ids = self._lists.search(self._vector, k + _MORE)[1][0]
            ids = ids[ids >= 0]  # FAISS fills up with -1
            scores = self.of(ids)
        order = np.lexsort((ids, -scores))[:k]
        return ids[order], scores[order]


def no_scores() -> DenseScores:
    """The scores where no passage has a vector."""
    nothing = np.empty((0, 0), dtype=np.float32)
    return DenseScores(np.empty(0, dtype=np.int64), nothing, None, nothing)


def places_of(
    ids: NDArray[np.int64], wanted: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where these stand among ascending ids, and which of them do, both of the shape of `wanted`."""
    places = np.searchsorted(ids, wanted)
    inside = places < len(ids)
    inside[inside] = ids[places[inside]] == wanted[inside]
    return places, inside
