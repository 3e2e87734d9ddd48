"""Finding passages by meaning: vectors in the database, and a FAISS index derived from them."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, func, insert, select
from sqlalchemy.orm import Session

from store import books
from store.database import Database
from store.snapshot import Snapshot, State
from store.tables import Embedding, Passage

Embed = Callable[[Sequence[str]], NDArray[np.float32]]

_LITTLE_ENDIAN = np.dtype("<f4")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and the inner product of its vector with the question's."""

    passage_id: int
    book_id: str
    score: float


@dataclass(frozen=True, slots=True)
class BookHit:
    """A book and the score of its best passage."""

    book_id: str
    score: float


class PassageIndex:
    """Passages of all books by inner product of unit vectors. Safe to use from several threads.

    `embed` turns n texts into an n x d array of unit rows; `embedder` is its name and revision, and vectors
    of another embedder are never mixed in. `folder` keeps the index between runs; it may be lost at any time.
    """

    def __init__(
        self, database: Database, folder: Path, embed: Embed, embedder: str, batch_size: int = 64
    ) -> None:
        """Prepare an index that is loaded, or built, at its first use."""
        self.rebuilds = 0
        self._database = database
        self._folder = folder
        self._embed = embed
        self._embedder = embedder
        self._batch_size = batch_size
        self._lock = Lock()
        self._current: Snapshot | None = None

    def refresh(self) -> None:
        """Embed what is new and bring the index up to date with the database; searches go on meanwhile.

        StoreBusy: the new vectors could not be written in time; those written so far are kept.
        """
        with self._lock:
            state = self._state()
            if self._current is not None and self._current.state == state:
                return
            snapshot = Snapshot.loaded(self._folder, self._embedder, state)
            # Another process may add books while we embed: go on until one look sees it all.
            while snapshot is None:
                self._embed_missing()
                snapshot = self._built()
            self._current = snapshot

    def search(self, question: str, k: int, book_ids: Sequence[str] | None = None) -> list[Hit]:
        """Return the `k` best passages, best first, of all books or of `book_ids`; fewer if there are fewer.

        An index the database has moved on from is refreshed first; a search within books that it knows in
        full does not wait for that.
        """
        if k < 1:
            raise ValueError(f"Ask for at least one passage, not {k}.")
        wanted = None if book_ids is None else self._passages_of(book_ids)
        snapshot = self._fresh(wanted)
        if snapshot.state.passages == 0 or (wanted is not None and len(wanted) == 0):
            return []
        return self._resolved(*snapshot.search(self._vectors([question]), k, wanted))

    def books(self, question: str, k: int) -> list[BookHit]:
        """Return the `k` books whose best passages are the best, best first; fewer if there are fewer."""
        if k < 1:
            raise ValueError(f"Ask for at least one book, not {k}.")
        snapshot = self._fresh(None)
        if snapshot.state.passages == 0:
            return []
        vector = self._vectors([question])
        depth = 16 * k
        while True:
            best: dict[str, float] = {}
            for hit in self._resolved(*snapshot.search(vector, depth, None)):
                best.setdefault(hit.book_id, hit.score)
            if len(best) >= k or depth >= snapshot.state.passages:
                return [BookHit(book_id, score) for book_id, score in list(best.items())[:k]]
            depth *= 4

    def _fresh(self, wanted: NDArray[np.int64] | None) -> Snapshot:
        current = self._current
        if current is not None and wanted is not None and current.has(wanted):
            return current
        self.refresh()
        current = self._current
        assert current is not None
        return current

    def _resolved(self, scores: NDArray[np.float32], ids: NDArray[np.int64]) -> list[Hit]:
        """Name each hit's book; a passage deleted since the index was built drops out."""
        with self._database.read() as session:
            owners = books.owners(session, ids.tolist())
        pairs = zip(ids.tolist(), scores.tolist(), strict=True)
        return [Hit(passage, owners[passage], score) for passage, score in pairs if passage in owners]

    def _passages_of(self, book_ids: Sequence[str]) -> NDArray[np.int64]:
        with self._database.read() as session:
            ids = session.scalars(select(Passage.id).where(Passage.book_id.in_(book_ids))).all()
        return np.array(ids, dtype=np.int64)

    def _state(self) -> State:
        with self._database.read() as session:
            return _state(session)

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.ascontiguousarray(self._embed(texts), dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            shape = vectors.shape
            raise ValueError(f"{self._embedder} gave no numbers, or shape {shape} for {len(texts)} texts.")
        return vectors

    def _embed_missing(self) -> None:
        last = 0
        while True:
            with self._database.read() as session:
                query = self._missing().where(Passage.id > last).order_by(Passage.id).limit(self._batch_size)
                texts = dict(session.execute(query).all())
            if not texts:
                return
            last = max(texts)
            vectors = dict(zip(texts, self._vectors(list(texts.values())), strict=True))
            with self._database.write() as session:
                # Some may be gone by now, or embedded by another process.
                wanted = session.scalars(self._missing().where(Passage.id.in_(texts)))
                rows = [
                    {
                        "passage_id": passage_id,
                        "embedder": self._embedder,
                        "vector": vectors[passage_id].astype(_LITTLE_ENDIAN).tobytes(),
                    }
                    for passage_id in wanted
                ]
                if rows:
                    session.execute(insert(Embedding), rows)

    def _missing(self) -> Select[int, str]:
        vector = select(Embedding.passage_id).where(
            Embedding.passage_id == Passage.id, Embedding.embedder == self._embedder
        )
        return select(Passage.id, Passage.text).where(~vector.exists())

    def _built(self) -> Snapshot | None:
        """Index every vector of this embedder and keep the result; None if some passage has none yet."""
        with self._database.read() as session:
            state = _state(session)
            query = (
                select(Embedding.passage_id, Embedding.vector)
                .where(Embedding.embedder == self._embedder)
                .order_by(Embedding.passage_id)
            )
            ids = np.empty(state.passages, dtype=np.int64)
            vectors = np.empty((state.passages, 0), dtype=np.float32)
            row = 0
            for passage_id, data in session.execute(query).yield_per(1000):
                if row == 0:
                    vectors = np.empty(
                        (state.passages, len(data) // _LITTLE_ENDIAN.itemsize), dtype=np.float32
                    )
                ids[row] = passage_id
                vectors[row] = np.frombuffer(data, dtype=_LITTLE_ENDIAN)
                row += 1
        if row < state.passages:
            return None
        snapshot = Snapshot.built(ids, vectors, state)
        self.rebuilds += 1
        try:
            snapshot.save(self._folder, self._embedder)
        except OSError as error:  # the index works without its file; the next start builds it again
            _log.warning("The passage index could not be kept in %s: %s", self._folder, error)
        return snapshot


def _state(session: Session) -> State:
    passages, last = session.execute(select(func.count(Passage.id), func.max(Passage.id))).one()
    return State(passages, last or 0)
