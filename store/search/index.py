"""Finding passages by meaning and by words: what is in the database, and indexes derived from it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, delete, insert, select
from sqlalchemy.orm import Session

from store import books
from store.database import Database
from store.search.bm25 import BM25Index
from store.search.faiss_snapshot import FaissSnapshot, state_of
from store.search.threshold_ranking import NOTHING, Ranking, ranked
from store.search.vectors import packed, unpacked, whole
from store.tables import Embedding, Passage

Embed = Callable[[Sequence[str]], NDArray[np.float32]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and its fused score, made of the two beside it.

    `dense` is the inner product of its vector with the question's, `lexical` its share of the most that the
    question's words could score.
    """

    passage_id: int
    book_id: str
    score: float
    dense: float
    lexical: float


@dataclass(frozen=True, slots=True)
class BookHit:
    """A book and the score of its best passage."""

    book_id: str
    score: float


@dataclass(frozen=True, slots=True)
class _Indexes:
    """One state of the passages, by meaning and by words."""

    dense: FaissSnapshot
    lexical: BM25Index


class PassageIndex:
    """Passages of all books by unit vectors and by words, in one ranking. Safe to use from several threads.

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
        self.embedder = embedder
        self._batch_size = batch_size
        self._lock = Lock()
        self._current: _Indexes | None = None

    def refresh(self) -> None:
        """Embed what is new and bring the index up to date with the database; searches go on meanwhile.

        StoreBusyError: the new vectors could not be written in time; those written so far are kept.
        """
        with self._lock:
            with self._database.read() as session:
                state = state_of(session)
                if self._current is not None and self._current.dense.state == state:
                    return
                snapshot = FaissSnapshot.loaded(self._folder, self.embedder, state)
                texts = {} if snapshot is None else _texts(session)
            self._current = self._made() if snapshot is None else _Indexes(snapshot, BM25Index(texts))

    def rebuild(self) -> int:
        """Make the index anew from the database, whatever the folder holds; return its number of passages.

        Passages without a vector are embedded, and those with a damaged one are embedded again. Searches go
        on meanwhile, and the file in the folder is replaced whole. StoreBusyError: as in `refresh`.
        """
        with self._lock:
            self._drop_damaged()
            self._current = self._made()
            return self._current.dense.state.passages

    def search(self, question: str, k: int, book_ids: Sequence[str] | None = None) -> list[Hit]:
        """Return the `k` best passages, best first, of all books or of `book_ids`; fewer if there are fewer.

        An index the database has moved on from is refreshed first; a search within books that it knows in
        full does not wait for that.
        """
        if k < 1:
            raise ValueError(f"Ask for at least one passage, not {k}.")
        return self._resolved(self._ranking(question, k, book_ids))

    def books(self, question: str, k: int, book_ids: Sequence[str] | None = None) -> list[BookHit]:
        """Return the `k` books whose best passages are the best, best first, of all or of `book_ids`.

        Fewer if there are fewer; refreshed, or not waited for, as in `search`.
        """
        if k < 1:
            raise ValueError(f"Ask for at least one book, not {k}.")
        best: dict[str, float] = {}
        count = 16 * k
        while True:
            hits = self._resolved(ranking := self._ranking(question, count, book_ids))
            for hit in hits:
                best.setdefault(hit.book_id, hit.score)
            if len(best) >= k or len(ranking.ids) < count:
                break
            count *= 4
        return [BookHit(book_id, score) for book_id, score in list(best.items())[:k]]

    def _fresh(self, wanted: NDArray[np.int64] | None) -> _Indexes:
        current = self._current
        if current is not None and wanted is not None and current.dense.has(wanted):
            return current
        self.refresh()
        current = self._current
        assert current is not None
        return current

    def _ranking(self, question: str, count: int, book_ids: Sequence[str] | None) -> Ranking:
        """Rank the best of all passages, or of those of `book_ids`."""
        wanted = None if book_ids is None else self._passages_of(book_ids)
        indexes = self._fresh(wanted)
        if indexes.dense.state.passages == 0 or (wanted is not None and len(wanted) == 0):
            return NOTHING
        vector = self._vectors([question])
        return ranked(indexes.dense, indexes.lexical, question, vector, count, among=wanted)

    def _resolved(self, ranking: Ranking) -> list[Hit]:
        """Name the book of each hit; a passage deleted since the indexes were built drops out."""
        ids = ranking.ids.tolist()
        with self._database.read() as session:
            owners = books.owners(session, ids)
        columns = ranking.scores, ranking.dense, ranking.lexical
        rows = zip(ids, *(column.tolist() for column in columns), strict=True)
        return [Hit(passage, owners[passage], *scores) for passage, *scores in rows if passage in owners]

    def _passages_of(self, book_ids: Sequence[str]) -> NDArray[np.int64]:
        with self._database.read() as session:
            return np.array(books.passage_ids(session, book_ids), dtype=np.int64)

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.ascontiguousarray(self._embed(texts), dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            shape = vectors.shape
            raise ValueError(f"{self.embedder} gave no numbers, or shape {shape} for {len(texts)} texts.")
        return vectors

    def _made(self) -> _Indexes:
        indexes = None
        # Another process may add books while we embed: go on until one look sees it all.
        while indexes is None:
            self._embed_missing()
            indexes = self._built()
        return indexes

    def _drop_damaged(self) -> None:
        """Remove this embedder's vectors that are no vectors of its."""
        dimension = self._vectors(["one"]).shape[1]
        own = select(Embedding.passage_id, Embedding.vector).where(Embedding.embedder == self.embedder)
        with self._database.read() as session:
            kept = session.execute(own).yield_per(1000)
            damaged = [passage_id for passage_id, data in kept if not whole(data, dimension)]
        if damaged:
            with self._database.write() as session:
                for passage_id in damaged:
                    session.execute(
                        delete(Embedding).where(
                            Embedding.passage_id == passage_id, Embedding.embedder == self.embedder
                        )
                    )

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
                        "embedder": self.embedder,
                        "vector": packed(vectors[passage_id]),
                    }
                    for passage_id in wanted
                ]
                if rows:
                    session.execute(insert(Embedding), rows)

    def _missing(self) -> Select[int, str]:
        vector = select(Embedding.passage_id).where(
            Embedding.passage_id == Passage.id, Embedding.embedder == self.embedder
        )
        return select(Passage.id, Passage.text).where(~vector.exists())

    def _built(self) -> _Indexes | None:
        """Index every vector and text, and keep the vectors' index; None if a passage has no vector yet."""
        with self._database.read() as session:
            state = state_of(session)
            query = (
                select(Embedding.passage_id, Embedding.vector)
                .where(Embedding.embedder == self.embedder)
                .order_by(Embedding.passage_id)
            )
            ids = np.empty(state.passages, dtype=np.int64)
            vectors = np.empty((state.passages, 0), dtype=np.float32)
            row = 0
            for passage_id, data in session.execute(query).yield_per(1000):
                vector = unpacked(data)
                if row == 0:
                    vectors = np.empty((state.passages, len(vector)), dtype=np.float32)
                ids[row] = passage_id
                vectors[row] = vector
                row += 1
            if row < state.passages:
                return None
            texts = _texts(session)
        snapshot = FaissSnapshot.built(ids, vectors, state)
        self.rebuilds += 1
        try:
            snapshot.save(self._folder, self.embedder)
        except OSError as error:  # the index works without its file; the next start builds it again
            _log.warning("The passage index could not be kept in %s: %s", self._folder, error)
        return _Indexes(snapshot, BM25Index(texts))


def _texts(session: Session) -> dict[int, str]:
    return dict(session.execute(select(Passage.id, Passage.text).order_by(Passage.id)).all())
