"""The passage index: finds passages and books by meaning and by words, and follows the database."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.database import Database
from store.passages import book_ids_of_passages, passage_ids
from store.search.bm25 import BM25Index
from store.search.faiss_snapshot import FaissSnapshot, read_state
from store.search.passage_vectors import Embed, PassageVectors
from store.search.threshold_ranking import EMPTY_RANKING, Ranking, rank
from store.tables import Passage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and its `score`, the fusion of the two others.

    `dense` is the inner product of its vector with the question's; `lexical` is its BM25 score, as a share of
    the highest that the question could have.
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
    """The two indexes of one state of the passages."""

    dense: FaissSnapshot
    lexical: BM25Index


class PassageIndex:
    """The passages of all books, ranked by meaning and by words together. It is thread-safe.

    `embed` turns n texts into unit vectors of shape (n, d); `embedder` is its name and revision. Vectors of
    another embedder are never used. `folder` keeps the index between runs; it may be lost at any time.
    """

    def __init__(
        self, database: Database, folder: Path, embed: Embed, embedder: str, batch_size: int = 64
    ) -> None:
        """Build or load nothing yet: that happens at the first use."""
        self.rebuilds = 0
        self._database = database
        self._folder = folder
        self._vectors = PassageVectors(database, embed, embedder, batch_size)
        self.embedder = embedder
        self._lock = Lock()
        self._current: _Indexes | None = None

    def refresh(self) -> None:
        """Embed new passages and bring the index up to date with the database. Searches go on meanwhile.

        StoreBusyError: the new vectors could not be written in time; those written so far are kept.
        """
        with self._lock:
            with self._database.read() as session:
                state = read_state(session)
                if self._current is not None and self._current.dense.state == state:
                    return
                snapshot = FaissSnapshot.load(self._folder, self.embedder, state)
                texts = {} if snapshot is None else _read_texts(session)
            self._current = (
                self._embed_and_build() if snapshot is None else _Indexes(snapshot, BM25Index(texts))
            )

    def rebuild(self) -> int:
        """Build the index again from the database, and return its number of passages.

        Passages without a vector are embedded, and those with a damaged one are embedded again. Searches go
        on meanwhile, and the files in the folder are replaced. StoreBusyError: as in `refresh`.
        """
        with self._lock:
            self._vectors.delete_damaged()
            self._current = self._embed_and_build()
            return self._current.dense.state.passages

    def search(self, question: str, k: int, book_ids: Sequence[str] | None = None) -> list[Hit]:
        """Return the `k` best passages, best first, of all books or of `book_ids`; fewer if there are fewer.

        An index that is older than the database is refreshed first, unless all passages of `book_ids` are in
        it. ValueError: `k` is less than 1.
        """
        if k < 1:
            raise ValueError(f"Ask for at least one passage, not {k}.")
        return self._hits(self._rank(question, k, book_ids))

    def books(self, question: str, k: int, book_ids: Sequence[str] | None = None) -> list[BookHit]:
        """Return the `k` books with the best passages, best first, of all books or of `book_ids`.

        Fewer if there are fewer. The index is refreshed as in `search`. ValueError: `k` is less than 1.
        """
        if k < 1:
            raise ValueError(f"Ask for at least one book, not {k}.")
        best: dict[str, float] = {}
        count = 16 * k
        while True:
            hits = self._hits(ranking := self._rank(question, count, book_ids))
            for hit in hits:
                best.setdefault(hit.book_id, hit.score)
            if len(best) >= k or len(ranking.ids) < count:
                break
            count *= 4
        return [BookHit(book_id, score) for book_id, score in list(best.items())[:k]]

    def _up_to_date(self, wanted: NDArray[np.int64] | None) -> _Indexes:
        """Return indexes of all passages that there are, or at least of the `wanted` ones."""
        current = self._current
        if current is not None and wanted is not None and current.dense.contains(wanted):
            return current
        self.refresh()
        current = self._current
        assert current is not None
        return current

    def _rank(self, question: str, count: int, book_ids: Sequence[str] | None) -> Ranking:
        """Rank the best of all passages, or of those of `book_ids`."""
        wanted = None if book_ids is None else self._passage_ids(book_ids)
        indexes = self._up_to_date(wanted)
        if indexes.dense.state.passages == 0 or (wanted is not None and len(wanted) == 0):
            return EMPTY_RANKING
        vector = self._vectors.embed([question])
        return rank(indexes.dense, indexes.lexical, question, vector, count, among=wanted)

    def _hits(self, ranking: Ranking) -> list[Hit]:
        """Add the books of ranked passages. Passages deleted since the indexes were built are left out."""
        ids = ranking.ids.tolist()
        with self._database.read() as session:
            book_ids = book_ids_of_passages(session, ids)
        columns = ranking.scores, ranking.dense, ranking.lexical
        rows = zip(ids, *(column.tolist() for column in columns), strict=True)
        return [Hit(passage, book_ids[passage], *scores) for passage, *scores in rows if passage in book_ids]

    def _passage_ids(self, book_ids: Sequence[str]) -> NDArray[np.int64]:
        with self._database.read() as session:
            return np.array(passage_ids(session, book_ids), dtype=np.int64)

    def _embed_and_build(self) -> _Indexes:
        indexes = None
        # Another process may add books while we embed: repeat until every passage has a vector.
        while indexes is None:
            self._vectors.embed_missing()
            indexes = self._build()
        return indexes

    def _build(self) -> _Indexes | None:
        """Build both indexes, and save the dense one. Return None if a passage has no vector yet."""
        with self._database.read() as session:
            state = read_state(session)
            loaded = self._vectors.load(session, state.passages)
            if loaded is None:
                return None
            texts = _read_texts(session)
        snapshot = FaissSnapshot.build(*loaded, state)
        self.rebuilds += 1
        try:
            snapshot.save(self._folder, self.embedder)
        except OSError as error:  # the index works without its file; the next start builds it again
            _log.warning("The passage index could not be kept in %s: %s", self._folder, error)
        return _Indexes(snapshot, BM25Index(texts))


def _read_texts(session: Session) -> dict[int, str]:
    return dict(session.execute(select(Passage.id, Passage.text).order_by(Passage.id)).all())
