"""The vectors of one state of the passages, and which of them are nearest to a question's; never changed.

A large library has inverted lists beside its vectors (Jégou, Douze and Schmid, Product quantization for
nearest neighbor search, 2011): each vector, rounded to 4 bits for every four numbers, is in the list of the
centre that it is nearest to. A search goes through the lists of the nearest centres alone, quickly since
tables of 16 entries fit into registers (André, Kermarrec and Le Scouarnec, Cache locality is not enough,
2015), and scores exactly the best that it finds there.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from store.search.dense_scores import DenseScores, faiss, places_of

# A library of more passages has lists: going through all vectors would take 15 ms or more.
LARGE = 100_000
# More lists take longer to make. Where vectors have few common directions, half of the lists must be searched
# to find 98% of the nearest (tests/benchmarks/index_scale.py); rounded, that takes 5 ms of a million.
_LISTS_PER_ROOT = 2
_SEARCHED = 0.5
# FAISS's own advice for the least number of vectors for each centre.
_LEARNED_FROM = 40
# So many numbers become 4 bits.
_ROUNDED = 4
# Lists are due anew once a library would have so many times as many: it has then grown by a half.
_OUTGROWN = 1.25

_VECTORS_FILE = "passages.faiss"
_LISTS_FILE = "lists.faiss"


class FaissSnapshot:
    """Vectors of d numbers under ascending int64 `ids` of shape (n,), compared by inner product.

    Searching it is thread-safe.
    """

    def __init__(self, index: faiss.IndexIDMap, lists: faiss.IndexIVF | None = None) -> None:
        """Take an IndexIDMap over an IndexFlatIP, its ids ascending, and the lists of the same vectors."""
        self.ids: NDArray[np.int64] = faiss.vector_to_array(index.id_map)
        self.dimension: int = index.d
        self._index = index
        self._lists = lists

    @classmethod
    def build(cls, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> "FaissSnapshot":
        """Index float32 `vectors` of shape (n, d) under ascending int64 `ids` of shape (n,)."""
        index = faiss.IndexIDMap(faiss.IndexFlatIP(vectors.shape[1]))
        if len(ids):
            index.add_with_ids(vectors, ids)
        return cls(index)

    def updated(
        self, kept: NDArray[np.bool_], ids: NDArray[np.int64], vectors: NDArray[np.float32]
    ) -> "FaissSnapshot":
        """Return a snapshot without the vectors that are not `kept`, of shape (n,), and with new ones.

        The new ids ascend; none of them is in the snapshot. Where there are lists, they are brought up to
        date.
        """
        if not kept.any():
            return FaissSnapshot.build(ids, vectors)
        index = faiss.IndexIDMap(faiss.IndexFlatIP(self.dimension))
        old = np.flatnonzero(kept)
        # Where each vector comes from, in the order of the ids: the new ones stand behind the old ones.
        sources = np.concatenate([old, len(self.ids) + np.arange(len(ids))])
        sources = sources[np.argsort(np.concatenate([self.ids[old], ids]), kind="stable")]
        # Runs of vectors are added from where they are, without another copy on the way.
        starts = np.flatnonzero((np.diff(sources, prepend=-2) != 1) | (sources == len(self.ids)))
        for run in np.split(sources, starts[1:]):
            start, end = int(run[0]), int(run[-1]) + 1
            if start < len(self.ids):
                index.add_with_ids(self.vectors(start, end - start), self.ids[start:end])
            else:
                new = slice(start - len(self.ids), end - len(self.ids))
                index.add_with_ids(vectors[new], ids[new])
        return FaissSnapshot(index).with_lists_of(self)

    def lists_are_due(self, large: int = LARGE) -> bool:
        """Whether it has more than `large` vectors, and no lists, or lists of another size of library."""
        if len(self.ids) <= large:
            return False
        return self._lists is None or not (
            1 / _OUTGROWN < _number_of_lists(len(self.ids)) / self._lists.nlist < _OUTGROWN
        )

    def with_lists(self) -> "FaissSnapshot":
        """Return a snapshot of the same vectors with lists made for them: minutes, for a million."""
        count = _number_of_lists(len(self.ids))
        lists = faiss.IndexIVFPQFastScan(
            faiss.IndexFlatIP(self.dimension),
            self.dimension,
            count,
            self.dimension // _ROUNDED if self.dimension % _ROUNDED == 0 else self.dimension,
            4,
            faiss.METRIC_INNER_PRODUCT,
        )
        lists.nprobe = max(1, int(_SEARCHED * count))
        # Fewer vectors than advised are no reason to print a warning.
        lists.cp.min_points_per_centroid = lists.pq.cp.min_points_per_centroid = 1
        vectors = self.vectors(0, len(self.ids))
        some = np.random.default_rng(0).permutation(len(vectors))[: _LEARNED_FROM * count]
        lists.train(vectors[np.sort(some)])
        lists.add_with_ids(vectors, self.ids)
        return FaissSnapshot(self._index, lists)

    def with_lists_of(self, other: "FaissSnapshot") -> "FaissSnapshot":
        """Return a snapshot of these vectors, with another's lists, if any, brought up to date."""
        if other._lists is None:
            return self
        lists: faiss.IndexIVF = faiss.clone_index(other._lists)  # type: ignore[assignment]
        gone, new = ~self.has(other.ids), ~other.has(self.ids)
        if gone.any():
            lists.remove_ids(faiss.IDSelectorBatch(other.ids[gone]))
        if new.any():
            lists.add_with_ids(self._vectors()[new], self.ids[new])
        return FaissSnapshot(self._index, lists)

    @classmethod
    def read(cls, folder: Path, names: Collection[str]) -> "FaissSnapshot":
        """Read the files that `write` wrote and named.

        RuntimeError: one is missing or of another FAISS. ValueError: an index of another kind.
        """
        index = faiss.read_index(str(folder / _VECTORS_FILE))
        if type(index) is not faiss.IndexIDMap:
            raise ValueError(f"{_VECTORS_FILE} has an index of another kind.")
        lists: faiss.IndexIVF | None = None
        if _LISTS_FILE in names:
            lists = faiss.read_index(str(folder / _LISTS_FILE))  # type: ignore[assignment]
        return cls(index, lists)

    @property
    def file_names(self) -> list[str]:
        """The names of the files that `write` writes."""
        return list(self._files())

    def write(self, folder: Path) -> list[str]:
        """Write files to a folder and return their names. OSError: they cannot be written."""
        for name, index in self._files().items():
            try:
                faiss.write_index(index, str(folder / name))
            except RuntimeError as error:
                raise OSError(str(error)) from error
        return self.file_names

    def vectors(self, start: int, count: int) -> NDArray[np.float32]:
        """Return the vectors of `count` passages, from place `start` of `ids` on, of shape (count, d)."""
        return self._vectors()[start : start + count]

    def has(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which of these passages are in the index, of shape (n,)."""
        return places_of(self.ids, ids)[1]

    def score(self, vector: NDArray[np.float32]) -> "DenseScores":
        """Score passages by a question's vector of shape (1, d). ValueError: it has another dimension."""
        if vector.shape != (1, self.dimension):
            raise ValueError(
                f"The index has vectors of {self.dimension} numbers, the question {vector.shape[1]}."
            )
        return DenseScores(self.ids, self._vectors(), self._lists, np.ascontiguousarray(vector))

    def _files(self) -> dict[str, faiss.Index]:
        lists = {} if self._lists is None else {_LISTS_FILE: self._lists}
        return {_VECTORS_FILE: self._index, **lists}

    def _vectors(self) -> NDArray[np.float32]:
        """All vectors, where FAISS has them."""
        flat = faiss.downcast_index(self._index.index)
        if flat.ntotal == 0:
            return np.empty((0, self.dimension), dtype=np.float32)
        every: NDArray[np.float32] = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d)  # type: ignore[attr-defined]
        return every.reshape(-1, self.dimension)


def _number_of_lists(passages: int) -> int:
    return int(_LISTS_PER_ROOT * passages**0.5)
