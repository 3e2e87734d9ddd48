"""The vectors of passages: computed by an embedder, stored in the database, read back for the index."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, delete, insert, select
from sqlalchemy.orm import Session

from store.database import Database
from store.search.vector_bytes import decode_vector, encode_vector, is_valid_vector
from store.tables import Embedding, Passage

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


class PassageVectors:
    """The passages' vectors by one embedder.

    `embed` turns n texts into unit vectors of shape (n, d); `embedder` is its name and revision. Passages are
    embedded `batch_size` at a time.
    """

    def __init__(self, database: Database, embed: Embed, embedder: str, batch_size: int) -> None:
        self._database = database
        self._embed = embed
        self._embedder = embedder
        self._batch_size = batch_size

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts, of shape (n, d). ValueError: another shape, or infinite or NaN."""
        vectors = np.ascontiguousarray(self._embed(texts), dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            shape = vectors.shape
            raise ValueError(f"{self._embedder} gave no numbers, or shape {shape} for {len(texts)} texts.")
        return vectors

    def delete_damaged(self) -> None:
        """Delete vectors of another dimension than the embedder's, or with infinite or NaN numbers."""
        dimension = self.embed(["one"]).shape[1]
        own = select(Embedding.passage_id, Embedding.vector).where(Embedding.embedder == self._embedder)
        with self._database.read() as session:
            rows = session.execute(own).yield_per(1000)
            damaged = [passage_id for passage_id, data in rows if not is_valid_vector(data, dimension)]
        if damaged:
            with self._database.write() as session:
                for passage_id in damaged:
                    session.execute(
                        delete(Embedding).where(
                            Embedding.passage_id == passage_id, Embedding.embedder == self._embedder
                        )
                    )

    def embed_missing(self) -> None:
        """Embed the passages that have no vector. StoreBusyError: a batch could not be written in time."""
        last = 0
        while True:
            with self._database.read() as session:
                query = self._missing().where(Passage.id > last).order_by(Passage.id).limit(self._batch_size)
                texts = dict(session.execute(query).all())
            if not texts:
                return
            last = max(texts)
            vectors = dict(zip(texts, self.embed(list(texts.values())), strict=True))
            with self._database.write() as session:
                # Some may have been deleted meanwhile, or embedded by another process.
                wanted = session.scalars(self._missing().where(Passage.id.in_(texts)))
                rows = [
                    {
                        "passage_id": passage_id,
                        "embedder": self._embedder,
                        "vector": encode_vector(vectors[passage_id]),
                    }
                    for passage_id in wanted
                ]
                if rows:
                    session.execute(insert(Embedding), rows)

    def load(
        self, session: Session, count: int, after: int = 0
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:
        """Return the ids, of shape (n,), ascending, and vectors, of shape (n, d), of passages.

        They are all n with an id above `after`, `count` of them. Return None if one has no vector yet.
        """
        query = (
            select(Embedding.passage_id, Embedding.vector)
            .where(Embedding.embedder == self._embedder, Embedding.passage_id > after)
            .order_by(Embedding.passage_id)
        )
        ids = np.empty(count, dtype=np.int64)
        vectors = np.empty((count, 0), dtype=np.float32)
        row = 0
        for passage_id, data in session.execute(query).yield_per(1000):
            vector = decode_vector(data)
            if row == 0:
                vectors = np.empty((count, len(vector)), dtype=np.float32)
            ids[row] = passage_id
            vectors[row] = vector
            row += 1
        return None if row < count else (ids, vectors)

    def _missing(self) -> Select[int, str]:
        vector = select(Embedding.passage_id).where(
            Embedding.passage_id == Passage.id, Embedding.embedder == self._embedder
        )
        return select(Passage.id, Passage.text).where(~vector.exists())
