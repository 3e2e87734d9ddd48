"""The passage index: finds passages and books by meaning and by words, and follows the database."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, Thread

import numpy as np
from numpy.typing import NDArray

from store.database import Database
from store.passages import book_ids_of_passages, passage_ids
from store.search.faiss_snapshot import LARGE, FaissSnapshot
from store.search.fusion import BOOK_WEIGHT
from store.search.index_building import build, update
from store.search.library_index import LibraryIndex, UnusableIndexError, read_state
from store.search.passage_vectors import Embed, PassageVectors
from store.search.threshold_ranking import Ranking, rank

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


class _Asked:
    """A question and the ids of the passages to rank, ascending, None for all."""

    def __init__(
        self,
        index: LibraryIndex,
        question: str,
        vector: NDArray[np.float32],
        wanted: NDArray[np.int64] | None,
    ) -> None:
        self.index = index
        self._dense = index.dense.score(vector)
        self._lexical = index.words.passages.score(question)
        self._wanted = wanted

    def rank(self, count: int) -> Ranking:
        return rank(self._dense, self._lexical, count, among=self._wanted)


class PassageIndex:
    """The passages of all books, ranked by meaning and by words together. It is thread-safe.

    `embed` turns n texts into unit vectors of shape (n, d); `embedder` is its name and revision. Vectors of
    another embedder are never used. `folder` keeps the index between runs; it may be lost at any time.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        embed: Embed,
        embedder: str,
        batch_size: int = 64,
        large: int = LARGE,
    ) -> None:
        """Build or load nothing yet: that happens at the first use.

        A library of more than `large` passages is searched by lists.
        """
        self.rebuilds = 0
        self._database = database
        self._folder = folder
        self._vectors = PassageVectors(database, embed, embedder, batch_size)
        self.embedder = embedder
        self._large = large
        self._lock = Lock()
        self._current: LibraryIndex | None = None
        self._lists_maker: Thread | None = None

    def refresh(self) -> None:
        """Embed new passages and bring the index up to date with the database. Searches go on meanwhile.

        Only the passages that came or went since are indexed. A large library's lists are made anew beside
        that when they are due. StoreBusyError: the new vectors could not be written in time; those written so
        far are kept.
        """
        with self._lock:
            with self._database.read() as session:
                state = read_state(session)
            if self._current is None:
                self._current = self._kept()
            if self._current is None or self._current.state != state:
                self._publish(self._embed_and_build(self._current))
            self._start_lists()

    def rebuild(self) -> int:
        """Build the index again from the database, and return its number of passages.

        Passages without a vector are embedded, and those with a damaged one are embedded again. Searches go
        on meanwhile, and the files in the folder are replaced. StoreBusyError: as in `refresh`.
        """
        with self._lock:
            self._vectors.delete_damaged()
            built = self._embed_and_build(None)
            if built.dense.lists_are_due(self._large):
                built = replace(built, dense=built.dense.with_lists())
            self._publish(built)
            return built.state.passages

    def settle(self) -> None:
        """Wait until lists that are being made are in use."""
        maker = self._lists_maker
        if maker is not None:
            maker.join()

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
        whole = asked.index.words.score_books(question)
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

    def _asked(self, question: str, book_ids: Sequence[str] | None) -> _Asked | None:
        """What is asked of all passages, or of those of `book_ids`; None if there are none."""
        index = self._up_to_date(book_ids)
        wanted = None if book_ids is None else index.dense.ids[index.words.of_books(book_ids)]
        if len(index.dense.ids) == 0 or (wanted is not None and len(wanted) == 0):
            return None
        return _Asked(index, question, self._vectors.embed([question]), wanted)

    def _up_to_date(self, book_ids: Sequence[str] | None) -> LibraryIndex:
        """Return an index of all passages that there are, or at least of those of `book_ids`."""
        current = self._current
        if current is not None:
            with self._database.read() as session:
                if current.state == read_state(session):
                    return current
                wanted = None if book_ids is None else passage_ids(session, book_ids)
            if wanted is not None and current.dense.has(np.array(wanted, dtype=np.int64)).all():
                return current
        self.refresh()
        assert self._current is not None
        return self._current

    def _hits(self, ranking: Ranking) -> list[Hit]:
        """Add the books of ranked passages. Passages deleted since the indexes were built are left out."""
        ids = ranking.ids.tolist()
        with self._database.read() as session:
            book_ids = book_ids_of_passages(session, ids)
        columns = ranking.scores, ranking.dense, ranking.lexical
        rows = zip(ids, *(column.tolist() for column in columns), strict=True)
        return [Hit(passage, book_ids[passage], *scores) for passage, *scores in rows if passage in book_ids]

    def _kept(self) -> LibraryIndex | None:
        """The index in the folder, of whatever state; None if it cannot be used."""
        try:
            return LibraryIndex.open(self._folder, self.embedder)
        except UnusableIndexError:
            return None

    def _publish(self, index: LibraryIndex) -> None:
        """Have searches use the index, and keep it in the folder."""
        self._current = index
        try:
            index.save(self._folder, self.embedder)
        except OSError as error:  # the index works without its files; the next start builds it again
            _log.warning("The passage index could not be kept in %s: %s", self._folder, error)

    def _start_lists(self) -> None:
        """Make lists of a large library in a thread, unless they are being made."""
        current, maker = self._current, self._lists_maker
        if current is None or not current.dense.lists_are_due(self._large):
            return
        if maker is None or not maker.is_alive():
            work = self._make_lists
            self._lists_maker = Thread(target=work, args=(current.dense,), name="index-lists", daemon=True)
            self._lists_maker.start()

    def _make_lists(self, dense: FaissSnapshot) -> None:
        made = dense.with_lists()
        with self._lock:  # the library may have changed meanwhile
            current = self._current
            assert current is not None
            self._publish(replace(current, dense=current.dense.with_lists_of(made)))

    def _embed_and_build(self, base: LibraryIndex | None) -> LibraryIndex:
        index = None
        # Another process may add books while we embed: repeat until every passage has a vector.
        while index is None:
            self._vectors.embed_missing()
            with self._database.read() as session:
                index = (
                    build(session, self._vectors) if base is None else update(session, self._vectors, base)
                )
        self.rebuilds += 1
        return index
