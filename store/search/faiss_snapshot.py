"""A FAISS index of one state of the passages: built from vectors, saved in a folder, never changed."""

import json
import os
import warnings
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.tables import Passage

with warnings.catch_warnings():
    # SWIG's own types make Python 3.12 and later warn at import.
    warnings.filterwarnings("ignore", "builtin type .* has no __module__ attribute", DeprecationWarning)
    import faiss

_INDEX = "passages.faiss"
_FINGERPRINT = "passages.json"


@dataclass(frozen=True, slots=True)
class PassageState:
    """The number of passages and the last id: these identify a state, since no id is given twice."""

    passages: int
    last_passage: int


def read_state(session: Session) -> PassageState:
    """Return the present state of the passages."""
    passages, last = session.execute(select(func.count(Passage.id), func.max(Passage.id))).one()
    return PassageState(passages, last or 0)


class UnusableIndexError(Exception):
    """The index in a folder cannot be used; the message completes a sentence that begins "The index"."""


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    """The embedder and state that an index file is of, and the SHA-256 of its bytes."""

    embedder: str
    passages: int
    last_passage: int
    dimension: int
    sha256: str


class FaissSnapshot:
    """An exact inner-product index over the passages of one `PassageState`. Searching it is thread-safe."""

    def __init__(self, index: faiss.IndexIDMap2, state: PassageState) -> None:
        self.state = state
        self.dimension = index.d
        self._index = index
        self._ids: NDArray[np.int64] = np.sort(faiss.vector_to_array(index.id_map))

    @classmethod
    def build(
        cls, ids: NDArray[np.int64], vectors: NDArray[np.float32], state: PassageState
    ) -> "FaissSnapshot":
        """Index float32 `vectors` of shape (n, d) under ascending int64 `ids` of shape (n,)."""
        index = faiss.IndexIDMap2(faiss.IndexFlatIP(vectors.shape[1]))
        if len(ids):
            index.add_with_ids(vectors, ids)
        return cls(index, state)

    @classmethod
    def load(cls, folder: Path, embedder: str, state: PassageState) -> "FaissSnapshot | None":
        """Read the index in `folder`. Return None where `open` raises UnusableIndexError."""
        try:
            return cls.open(folder, embedder, state)
        except UnusableIndexError:
            return None

    @classmethod
    def open(cls, folder: Path, embedder: str, state: PassageState) -> "FaissSnapshot":
        """Read the index in `folder`.

        UnusableIndexError: it is missing, damaged, or of another embedder or state.
        """
        try:
            known = _Fingerprint(**json.loads((folder / _FINGERPRINT).read_text(encoding="utf-8")))
            if known.embedder != embedder:
                raise UnusableIndexError(f"is of another embedder, {known.embedder}")
            if (known.passages, known.last_passage) != (state.passages, state.last_passage):
                raise UnusableIndexError(
                    f"is stale: it was made of {known.passages} passages up to {known.last_passage}, the "
                    f"database has {state.passages} up to {state.last_passage}"
                )
            data = (folder / _INDEX).read_bytes()
            if sha256(data).hexdigest() != known.sha256:
                raise UnusableIndexError("is damaged: its bytes have another SHA-256")
            index = faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))
        except FileNotFoundError as error:
            raise UnusableIndexError("is missing") from error
        except (OSError, ValueError, TypeError, RuntimeError) as error:  # RuntimeError: of another FAISS
            raise UnusableIndexError("is damaged: it cannot be read") from error
        if not isinstance(index, faiss.IndexIDMap2):
            raise UnusableIndexError("is of another kind")
        return cls(index, state)

    def save(self, folder: Path, embedder: str) -> None:
        """Write the index to `folder`. OSError: it cannot be written; the files there are left as they were.

        A crash, or another process, between the writes of the two files leaves a pair that does not match;
        `load` and `open` notice that.
        """
        data = faiss.serialize_index(self._index).tobytes()
        fingerprint = _Fingerprint(
            embedder=embedder,
            passages=self.state.passages,
            last_passage=self.state.last_passage,
            dimension=self.dimension,
            sha256=sha256(data).hexdigest(),
        )
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / _INDEX, data)
        _replace(folder / _FINGERPRINT, json.dumps(asdict(fingerprint)).encode())

    @property
    def ids(self) -> NDArray[np.int64]:
        """The int64 ids of its passages, ascending."""
        return self._ids

    def vectors(self, start: int, count: int) -> NDArray[np.float32]:
        """Return the vectors of `count` passages, from place `start` of `ids` on, of shape (count, d)."""
        vectors: NDArray[np.float32] = faiss.downcast_index(self._index.index).reconstruct_n(start, count)
        return vectors

    def contains(self, ids: NDArray[np.int64]) -> bool:
        """Tell whether every one of these passages is in the index."""
        return bool(np.isin(ids, self._ids).all())

    def search(
        self, vector: NDArray[np.float32], k: int, among: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the scores and ids of up to `k` passages, best first, for one vector of shape (1, d).

        `among` limits the search to these ids. ValueError: the vector has another dimension.
        """
        if vector.shape != (1, self.dimension):
            raise ValueError(
                f"The index has vectors of {self.dimension} numbers, the question {vector.shape[1]}."
            )
        parameters = None
        if among is not None:
            selector = faiss.IDSelectorBatch(among)
            parameters = faiss.SearchParameters()
            parameters.sel = selector
        scores, ids = self._index.search(vector, min(k, len(self._ids)), params=parameters)
        found = ids[0] >= 0  # FAISS fills up with -1
        return scores[0][found], ids[0][found]


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
