"""Makes the index of the library's present state, from an older one where there is one."""

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.passages import passages_at
from store.search.faiss_snapshot import FaissSnapshot
from store.search.library_index import LibraryIndex, PassageState, read_state
from store.search.library_words import LibraryWords, Row
from store.search.passage_vectors import PassageVectors
from store.search.stemmers import language_of, stemmer_of
from store.tables import Book, Passage

# A book's language is told from so many of its passages.
_SAMPLES = 8


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
        return LibraryWords.build(_rows(session, after=0), _stemmers(session))
    if replace(base.state, embedded=state.embedded) == state:
        return base.words
    kept = _kept_books(session, base)
    last = int(base.words.ids[-1]) if len(base.words.ids) else 0
    new = session.scalar(select(func.count()).where(Passage.id > last)) or 0
    kept_passages = int(base.words.of_books(kept).sum())
    # Ids are given in ascending order. Where they are not, a book without a new text has another language, or
    # nothing is left, all is indexed again.
    if not kept_passages or kept_passages + new != state.passages:
        return LibraryWords.build(_rows(session, after=0), _stemmers(session))
    return base.words.updated(kept, _rows(session, after=last), _stemmers(session, kept))


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
    """The books whose passages and stemmer are still the same: a new text gives a book other passages."""
    stemmed, languages = base.words.stemmers, _languages(session)
    query = select(Passage.book_id, func.count(), func.min(Passage.id), func.max(Passage.id))
    known = base.words.extents()
    return {
        book_id
        for book_id, *extent in session.execute(query.group_by(Passage.book_id))
        if known.get(book_id) == tuple(extent)
        # A text would tell the same again.
        and (languages[book_id] is None or stemmer_of(languages[book_id]) == stemmed[book_id])
    }


def _stemmers(session: Session, leave_out: Collection[str] = ()) -> dict[str, str]:
    """The stemmer of each book, but for those to leave out: of the language that it, else its text, tells."""
    return {
        book_id: stemmer_of(language or _told(session, book_id))
        for book_id, language in _languages(session).items()
        if book_id not in leave_out
    }


def _languages(session: Session) -> dict[str, str | None]:
    """The tag of each book's language, None where it is not known."""
    return dict(session.execute(select(Book.id, Book.language)).all())


def _told(session: Session, book_id: str) -> str | None:
    """The language of a book's text, from passages all over it: the first may be a licence."""
    count = session.scalar(select(Book.passage_count).where(Book.id == book_id)) or 0
    places = {count * (2 * number + 1) // (2 * _SAMPLES) for number in range(_SAMPLES)}
    return language_of([passage.text for passage in passages_at(session, book_id, places).values()])


def _rows(session: Session, after: int) -> Iterable[Row]:
    query = select(Passage.id, Passage.book_id, Passage.text).where(Passage.id > after).order_by(Passage.id)
    return session.execute(query).yield_per(1000)
