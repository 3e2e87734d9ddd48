"""Makes the index of the library's present state, from an older one where there is one."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.search.faiss_snapshot import FaissSnapshot
from store.search.library_index import LibraryIndex, PassageState, read_state
from store.search.library_words import LibraryWords, Row
from store.search.passage_vectors import PassageVectors
from store.tables import Book, Passage


def build(session: Session, vectors: PassageVectors, base: LibraryIndex | None = None) -> LibraryIndex:
    """Index all passages: those that came since `base`, without those that went, where that is less work.

    Of a book whose passages do not all have a vector, the words alone are indexed.
    """
    state = read_state(session, vectors.embedder)
    words = _words(session, base, state)
    dense = _dense(session, vectors, base, words)
    return LibraryIndex(state, dense, words)


def _words(session: Session, base: LibraryIndex | None, state: PassageState) -> LibraryWords:
    if base is None:
        return LibraryWords.build(_rows(session, after=0))
    before = base.state
    if (before.passages, before.last_passage) == (state.passages, state.last_passage):
        return base.words
    kept = _kept_books(session, base)
    last = int(base.words.ids[-1]) if len(base.words.ids) else 0
    new = session.scalar(select(func.count()).where(Passage.id > last)) or 0
    kept_passages = int(base.words.of_books(kept).sum())
    # Ids are given in ascending order. Where they are not, or nothing is left, all is indexed again.
    if not kept_passages or kept_passages + new != state.passages:
        return LibraryWords.build(_rows(session, after=0))
    return base.words.updated(kept, _rows(session, after=last))


def _dense(
    session: Session, vectors: PassageVectors, base: LibraryIndex | None, words: LibraryWords
) -> FaissSnapshot:
    """The vectors of the books that have all of theirs."""
    embedded = session.scalars(select(Book.id).where(Book.embedder == vectors.embedder)).all()
    wanted = words.ids[words.of_books(embedded)]
    if base is None:
        return FaissSnapshot.build(*_load(session, vectors, words, wanted))
    kept = np.isin(base.dense.ids, wanted, assume_unique=True)
    new = wanted[~base.dense.has(wanted)]
    if kept.all() and not len(new):
        return base.dense
    return base.dense.updated(kept, *_load(session, vectors, words, new))


def _load(
    session: Session, vectors: PassageVectors, words: LibraryWords, wanted: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The ids and vectors of passages that should all have one; a book that lacks some is left out."""
    ids, found = vectors.load(session, sorted(words.books_of(wanted)), len(wanted))
    lacking = np.setdiff1d(wanted, ids, assume_unique=True)
    if not len(lacking):
        return ids, found
    whole = ~np.isin(ids, words.ids[words.of_books(words.books_of(lacking))], assume_unique=True)
    return ids[whole], found[whole]


def _kept_books(session: Session, base: LibraryIndex) -> set[str]:
    """The books whose passages are still the same: a new text gives a book other passages."""
    query = select(Passage.book_id, func.count(), func.min(Passage.id), func.max(Passage.id))
    known = base.words.extents()
    rows = session.execute(query.group_by(Passage.book_id))
    return {book_id for book_id, *extent in rows if known.get(book_id) == tuple(extent)}


def _rows(session: Session, after: int) -> Iterable[Row]:
    query = select(Passage.id, Passage.book_id, Passage.text).where(Passage.id > after).order_by(Passage.id)
    return session.execute(query).yield_per(1000)
