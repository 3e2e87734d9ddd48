"""The passage index: finds passages and books by meaning and by words, and follows the database."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from store.database import Database
from store.passages import book_ids_of_passages, passage_ids
from store.search.dense_scores import no_scores
from store.search.faiss_snapshot import LARGE
from store.search.fusion import BOOK_WEIGHT
from store.search.library_index import LibraryIndex, read_state
from store.search.live_index import LiveIndex
from store.search.passage_vectors import Embed, Embedded, PassageVectors, Run
from store.search.threshold_ranking import Ranking, rank


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
        self, index: LibraryIndex, question: str, embed: Embed, wanted: NDArray[np.int64] | None
    ) -> None:
        self.index = index
        known = index.dense.ids if wanted is None else wanted[index.dense.has(wanted)]
        self._dense = index.dense.score(embed([question])) if len(known) else no_scores()
        self._lexical = index.words.passages.score(question)
        self._wanted = wanted

    def rank(self, count: int) -> Ranking:
        return rank(self._dense, self._lexical, count, among=self._wanted)


class PassageIndex:
    """The passages of all books, ranked by meaning and by words together. It is thread-safe.

    A book whose passages do not all have a vector is searched by words alone. `embed` turns n passages into
    unit vectors of shape (n, d), and so does `embed_questions` with questions, if that is another matter;
    `embedder` is its name and revision. Vectors of another embedder are never used. `folder` keeps the index
    between runs; it may be lost at any time.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        embed: Embed,
        embedder: str,
        batch_size: int = 8,
        large: int = LARGE,
        embed_questions: Embed | None = None,
    ) -> None:
        """Build or load nothing yet: that happens at the first use.

        A library of more than `large` passages is searched by lists.
        """
        self.embedder = embedder
        self._database = database
        self._vectors = PassageVectors(database, embed, embed_questions or embed, embedder, batch_size)
        self._live = LiveIndex(database, folder, self._vectors, large)

    @property
    def rebuilds(self) -> int:
        """How often an index was built, or brought up to date."""
        return self._live.rebuilds

    def refresh(self) -> None:
        """Bring the index up to date with the database, and keep it. Searches go on meanwhile.

        Only the passages that came or went since are indexed. A large library's lists are made anew beside
        that when they are due.
        """
        self._live.refresh()

    def follow(self) -> Future[LibraryIndex]:
        """Do the same in a thread: return at once. The future ends as soon as searches use the index."""
        return self._live.follow()

    def waiting(self) -> list[str]:
        """Return the books that have passages without a vector, and no job that will embed them."""
        return self._vectors.waiting(for_jobs=False)

    def by_words_alone(self, book_ids: Sequence[str]) -> list[str]:
        """Return those of these books that are searched by words alone: not all passages are embedded."""
        return self._vectors.waiting(among=book_ids)

    def count_waiting(self, session: Session, *, for_jobs: bool) -> int:
        """Return how many books have passages without a vector; without those that a job will embed, unless
        `for_jobs`.
        """
        return self._vectors.count_waiting(session, for_jobs=for_jobs)

    def embed(self, book_id: str, run: Run = lambda work: work()) -> Iterator[Embedded]:
        """Embed the passages of a book that have no vector; yields how far that is after each batch.

        Searches use the vectors once all are there. The embedder works within `run`. Who begins again goes on
        where an earlier one stopped. StoreBusyError: a batch could not be written in time.
        """
        yield from self._vectors.embed_book(book_id, run)
        self.refresh()

    def complete(self) -> None:
        """Embed all passages that have no vector, and refresh. StoreBusyError: as in `embed`."""
        for book_id in self._vectors.waiting():
            for _ in self._vectors.embed_book(book_id, lambda work: work()):
                pass
        self.refresh()

    def rebuild(self) -> int:
        """Build the index again from the database, and return its number of passages.

        Passages without a vector are embedded, and those with a damaged one are embedded again. Searches go
        on meanwhile, and the files in the folder are replaced. StoreBusyError: as in `embed`.
        """
        self._vectors.doubt()
        self.complete()
        return self._live.rebuild().state.passages

    def settle(self, seconds: float | None = None) -> None:
        """Wait until what is being made is in use and kept, for about so many seconds at most."""
        self._live.settle(seconds)

    def search(self, question: str, k: int, book_ids: Sequence[str] | None = None) -> list[Hit]:
        """Return the `k` best passages, best first, of all books or of `book_ids`; fewer if there are fewer.

        Where the index is older than the database, a thread brings it up to date, which is only waited for
        if it lacks passages of `book_ids`. ValueError: `k` is less than 1.
        """
        if k < 1:
            raise ValueError(f"Ask for at least one passage, not {k}.")
        asked = self._asked(self._snapshot(book_ids), question, book_ids)
        return [] if asked is None else self._hits(asked.rank(k))

    def books(self, question: str, k: int, book_ids: Sequence[str] | None = None) -> list[BookHit]:
        """Return the `k` best books, best first, of all books or of `book_ids`; fewer if there are fewer.

        The best passage of a book counts, and the words of the whole book. An index that is being brought up
        to date is waited for where it has none of `book_ids`. ValueError: `k` is less than 1.
        """
        if k < 1:
            raise ValueError(f"Ask for at least one book, not {k}.")
        asked = self._asked(self._snapshot(None), question, book_ids)
        if asked is None:
            asked = self._asked(self._snapshot(book_ids), question, book_ids)
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

    def _asked(self, index: LibraryIndex, question: str, book_ids: Sequence[str] | None) -> _Asked | None:
        """What is asked of all passages, or of those of `book_ids`; None if there are none."""
        wanted = None if book_ids is None else index.words.ids[index.words.of_books(book_ids)]
        if len(index.words.ids if wanted is None else wanted) == 0:
            return None
        return _Asked(index, question, self._vectors.embed_questions, wanted)

    def _snapshot(self, needed: Sequence[str] | None) -> LibraryIndex:
        """The index as it is, which a thread brings up to date if it is older than the database.

        That is waited for where there is nothing yet to search, or where passages of `needed` are not in it.
        """
        current = self._live.current
        if current is None:
            return self._live.refresh()
        with self._database.read() as session:
            if current.state == read_state(session, self.embedder):
                return current
            lacks = len(current.words.ids) == 0
            if needed is not None:
                wanted = np.array(passage_ids(session, needed), dtype=np.int64)
                lacks = not np.isin(wanted, current.words.ids).all()
        following = self.follow()
        return following.result() if lacks else current

    def _hits(self, ranking: Ranking) -> list[Hit]:
        """Add the books of ranked passages. Passages deleted since the indexes were built are left out."""
        ids = ranking.ids.tolist()
        with self._database.read() as session:
            book_ids = book_ids_of_passages(session, ids)
        columns = ranking.scores, ranking.dense, ranking.lexical
        rows = zip(ids, *(column.tolist() for column in columns), strict=True)
        return [Hit(passage, book_ids[passage], *scores) for passage, *scores in rows if passage in book_ids]
