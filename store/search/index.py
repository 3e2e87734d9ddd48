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
from store.search.bm25 import BM25Index, StemmedTexts
from store.search.book_words import BookWords
from store.search.faiss_snapshot import FaissSnapshot, read_state
from store.search.fusion import BOOK_WEIGHT
from store.search.passage_vectors import Embed, PassageVectors
from store.search.threshold_ranking import Ranking, rank
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
    """A book and its score: that of its best passage, and `BOOK_WEIGHT` times that of all its words."""

    book_id: str
    score: float


@dataclass(frozen=True, slots=True)
class _Indexes:
    """The indexes of one state of the passages."""

    dense: FaissSnapshot
    lexical: BM25Index
    books: BookWords


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, its vector of shape (1, d), and the ids of the passages to rank, None for all."""

    indexes: _Indexes
    question: str
    vector: NDArray[np.float32]
    wanted: NDArray[np.int64] | None

    def rank(self, count: int) -> Ranking:
        dense, lexical = self.indexes.dense, self.indexes.lexical
        return rank(dense, lexical, self.question, self.vector, count, among=self.wanted)


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
                loaded = None if snapshot is None else _with_words(session, snapshot)
            self._current = loaded or self._embed_and_build()

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
        asked = self._asked(question, book_ids)
        return [] if asked is None else self._hits(asked.rank(k))

    def books(self, question: str, k: int, book_ids: Sequence[str] | None = None) -> list[BookHit]:
        """Return the `k` best books, best first, of all books or of `book_ids`; fewer if there are fewer.

        The best passage of a book counts, and the words of the whole book. The index is refreshed as in
        `search`. ValueError: `k` is less than 1.
        """
        if k < 1:
            raise ValueError(f"Ask for at least one book, not {k}.")
        asked = self._asked(question, book_ids)
        if asked is None:
            return []
        whole = asked.indexes.books.score(question)
        if book_ids is not None:
            whole = {book_id: whole[book_id] for book_id in book_ids if book_id in whole}
        best: dict[str, float] = {}
        count = 16 * k
        while True:
            ranking = asked.rank(count)
            for hit in self._hits(ranking):
                best.setdefault(hit.book_id, hit.score)
            scores = {book_id: score + BOOK_WEIGHT * whole[book_id] for book_id, score in best.items()}
            found = sorted(scores.items(), key=lambda each: -each[1])[:k]
            # No passage of a book that was not found is better than the last one.
            rest = [share for book_id, share in whole.items() if book_id not in best]
            if len(ranking.ids) < count or not rest:
                break
            if len(found) == k and found[-1][1] >= ranking.scores[-1] + BOOK_WEIGHT * max(rest):
                break
            count *= 4
        return [BookHit(book_id, score) for book_id, score in found]

    def _up_to_date(self, wanted: NDArray[np.int64] | None) -> _Indexes:
        """Return indexes of all passages that there are, or at least of the `wanted` ones."""
        current = self._current
        if current is not None and wanted is not None and current.dense.contains(wanted):
            return current
        self.refresh()
        current = self._current
        assert current is not None
        return current

    def _asked(self, question: str, book_ids: Sequence[str] | None) -> _Asked | None:
        """What is asked of all passages, or of those of `book_ids`; None if there are none."""
        wanted = None if book_ids is None else self._passage_ids(book_ids)
        indexes = self._up_to_date(wanted)
        if indexes.dense.state.passages == 0 or (wanted is not None and len(wanted) == 0):
            return None
        return _Asked(indexes, question, self._vectors.embed([question]), wanted)

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
            indexes = _with_words(session, FaissSnapshot.build(*loaded, state))
        self.rebuilds += 1
        try:
            indexes.dense.save(self._folder, self.embedder)
        except OSError as error:  # the index works without its file; the next start builds it again
            _log.warning("The passage index could not be kept in %s: %s", self._folder, error)
        return indexes


def _with_words(session: Session, dense: FaissSnapshot) -> _Indexes:
    """Index the words of all passages and of their books."""
    query = select(Passage.id, Passage.book_id, Passage.text).order_by(Passage.id)
    rows = session.execute(query).all()
    texts = StemmedTexts(text for _, _, text in rows)
    passages = BM25Index([passage_id for passage_id, _, _ in rows], texts)
    return _Indexes(dense, passages, BookWords([book_id for _, book_id, _ in rows], texts))
