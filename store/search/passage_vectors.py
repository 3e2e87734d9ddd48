"""The vectors of passages: computed by an embedder, stored in the database, read back for the index."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Exists, Select, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from store.database import Database
from store.search.vector_bytes import decode_vector, encode_vector, is_valid_vector
from store.tables import Book, Embedding, Job, Passage

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
# Does a piece of work, at once or when its turn comes, and returns what it gives.
Run = Callable[[Callable[[], NDArray[np.float32]]], NDArray[np.float32]]

# SQLite takes at most 32,766 parameters in a statement, older builds 999.
_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class Embedded:
    """How many passages of a book have a vector: `done` of `total`."""

    done: int
    total: int


class PassageVectors:
    """The passages' vectors by one embedder.

    `embed` turns n passages into unit vectors of shape (n, d), `embed_questions` n questions; `embedder` is
    its name and revision. Passages are embedded `batch_size` at a time.
    """

    def __init__(
        self, database: Database, embed: Embed, embed_questions: Embed, embedder: str, batch_size: int
    ) -> None:
        self._database = database
        self._embed = embed
        self._embed_questions = embed_questions
        self.embedder = embedder
        self._batch_size = batch_size

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of passages, of shape (n, d). ValueError: another shape, or infinite or NaN."""
        return self._checked(self._embed(texts), texts)

    def embed_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of questions, of shape (n, d). ValueError: as in `embed`."""
        return self._checked(self._embed_questions(texts), texts)

    def _checked(self, found: NDArray[np.float32], texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.ascontiguousarray(found, dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            shape = vectors.shape
            raise ValueError(f"{self.embedder} gave no numbers, or shape {shape} for {len(texts)} texts.")
        return vectors

    def waiting(self, *, for_jobs: bool = True, among: Sequence[str] | None = None) -> list[str]:
        """Return the books, `among` these or all, whose passages do not all have a vector, the oldest first.

        Those that a job waits for, or is at work on, are left out unless `for_jobs`.
        """
        query = select(Book.id).where(*self._waits(for_jobs))
        if among is not None:
            query = query.where(Book.id.in_(among))
        with self._database.read() as session:
            return list(session.scalars(query.order_by(Book.created_at, Book.id)))

    def count_waiting(self, session: Session, *, for_jobs: bool) -> int:
        """Return how many books these are."""
        return session.scalar(select(func.count()).select_from(Book).where(*self._waits(for_jobs))) or 0

    def embed_book(self, book_id: str, run: Run) -> Iterator[Embedded]:
        """Embed the passages of a book that have no vector; yields how far that is after each batch.

        `run` does the work of the embedder. What is stored stays, so that who begins again goes on there. A
        book that is gone, or whose passages all have their vector, yields nothing.
        StoreBusyError: a batch could not be written in time.
        """
        while not self._is_whole(book_id):
            with self._database.read() as session:
                total = session.scalar(select(Book.passage_count).where(Book.id == book_id)) or 0
                lacking = session.scalar(select(func.count()).select_from(self._missing(book_id).subquery()))
            done, last = total - (lacking or 0), 0
            while True:
                with self._database.read() as session:
                    query = self._missing(book_id).where(Passage.id > last)
                    rows = session.execute(query.order_by(Passage.id).limit(self._batch_size))
                    texts = dict(rows.all())
                if not texts:
                    break
                last = max(texts)
                vectors = run(partial(self.embed, list(texts.values())))
                self._put(dict(zip(texts, vectors, strict=True)))
                done += len(texts)
                yield Embedded(min(done, total), total)

    def doubt(self) -> None:
        """Delete vectors of another dimension than the embedder's, or with infinite or NaN numbers, and have
        every book wait that lacks a vector.
        """
        dimension = self.embed(["one"]).shape[1]
        own = select(Embedding.passage_id, Embedding.vector).where(Embedding.embedder == self.embedder)
        with self._database.read() as session:
            rows = session.execute(own).yield_per(1000)
            damaged = [passage_id for passage_id, data in rows if not is_valid_vector(data, dimension)]
        with self._database.write() as session:
            for first in range(0, len(damaged), _PER_QUERY):
                some = damaged[first : first + _PER_QUERY]
                session.execute(
                    delete(Embedding).where(
                        Embedding.passage_id.in_(some), Embedding.embedder == self.embedder
                    )
                )
            lacking = select(Passage.book_id).where(~self._has_vector())
            session.execute(
                update(Book).where(Book.embedder == self.embedder, Book.id.in_(lacking)).values(embedder=None)
            )

    def load(
        self, session: Session, book_ids: Sequence[str], count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids, of shape (n,), ascending, and vectors, of shape (n, d), of these books' passages;
        `count` of them at most.
        """
        ids = np.empty(count, dtype=np.int64)
        vectors = np.empty((count, 0), dtype=np.float32)
        row = 0
        for first in range(0, len(book_ids), _PER_QUERY):
            query = (
                select(Embedding.passage_id, Embedding.vector)
                .join(Passage, Passage.id == Embedding.passage_id)
                .where(Passage.book_id.in_(book_ids[first : first + _PER_QUERY]))
                .where(Embedding.embedder == self.embedder)
                .order_by(Embedding.passage_id)
            )
            for passage_id, data in session.execute(query).yield_per(1000):
                vector = decode_vector(data)
                if row == 0:
                    vectors = np.empty((count, len(vector)), dtype=np.float32)
                ids[row] = passage_id
                vectors[row] = vector
                row += 1
        ids, vectors = ids[:row], vectors[:row]
        if (np.diff(ids) > 0).all():
            return ids, vectors
        order = np.argsort(ids)
        return ids[order], vectors[order]

    def _put(self, vectors: dict[int, NDArray[np.float32]]) -> None:
        """Store the vectors of passages that still lack theirs: some may have been deleted meanwhile, or
        embedded by another process.
        """
        with self._database.write() as session:
            wanted = session.scalars(
                select(Passage.id).where(Passage.id.in_(vectors), ~self._has_vector())
            ).all()
            rows = [
                {"passage_id": each, "embedder": self.embedder, "vector": encode_vector(vectors[each])}
                for each in wanted
            ]
            if rows:
                session.execute(insert(Embedding), rows)

    def _is_whole(self, book_id: str) -> bool:
        """Whether nothing of a book waits; one whose passages all have a vector is noted as such."""
        with self._database.read() as session:
            known = session.execute(select(Book.embedder).where(Book.id == book_id)).one_or_none()
            if known is None or known[0] == self.embedder:
                return True
            if session.scalar(select(self._missing(book_id).exists())):
                return False
        with self._database.write() as session:
            # It may have got another text meanwhile.
            if session.scalar(select(self._missing(book_id).exists())):
                return False
            session.execute(update(Book).where(Book.id == book_id).values(embedder=self.embedder))
        return True

    def _waits(self, for_jobs: bool) -> list[ColumnElement[bool]]:
        waits: list[ColumnElement[bool]] = [or_(Book.embedder.is_(None), Book.embedder != self.embedder)]
        if not for_jobs:
            job = select(Job.id).where(Job.book_id == Book.id, Job.status.in_(("queued", "running")))
            waits.append(~job.exists())
        return waits

    def _has_vector(self) -> Exists:
        vector = select(Embedding.passage_id).where(
            Embedding.passage_id == Passage.id, Embedding.embedder == self.embedder
        )
        return vector.exists()

    def _missing(self, book_id: str) -> Select[int, str]:
        return select(Passage.id, Passage.text).where(Passage.book_id == book_id, ~self._has_vector())
