"""Makes the index of the library's present state, from an older one where there is one."""

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.search.faiss_snapshot import FaissSnapshot
from store.search.library_index import LibraryIndex, read_state
from store.search.library_words import LibraryWords, Row
from store.search.passage_vectors import PassageVectors
from store.tables import Passage


def build(session: Session, vectors: PassageVectors) -> LibraryIndex | None:
    """Index all passages. Return None if one has no vector yet."""
    state = read_state(session)
    loaded = vectors.load(session, state.passages)
    if loaded is None:
        return None
    return LibraryIndex(state, FaissSnapshot.build(*loaded), LibraryWords.build(_rows(session, after=0)))


def update(session: Session, vectors: PassageVectors, base: LibraryIndex) -> LibraryIndex | None:
    """Index the passages that came since `base`, and leave out those that went.

    Return None if a passage has no vector yet.
    """
    state = read_state(session)
    kept = _kept_books(session, base)
    last = int(base.words.ids[-1]) if len(base.words.ids) else 0
    new = session.scalar(select(func.count()).where(Passage.id > last)) or 0
    kept_passages = base.words.of_books(kept)
    # Ids are given in ascending order. Where they are not, or nothing is left, all is indexed again.
    if not kept_passages.any() or int(kept_passages.sum()) + new != state.passages:
        return build(session, vectors)
    loaded = vectors.load(session, new, after=last)
    if loaded is None:
        return None
    words = base.words.updated(kept, _rows(session, after=last))
    return LibraryIndex(state, base.dense.updated(kept_passages, *loaded), words)


def _kept_books(session: Session, base: LibraryIndex) -> set[str]:
    """The books whose passages are still the same: a new text gives a book other passages."""
    query = select(Passage.book_id, func.count(), func.min(Passage.id), func.max(Passage.id))
    known = base.words.extents()
    rows = session.execute(query.group_by(Passage.book_id))
    return {book_id for book_id, *extent in rows if known.get(book_id) == tuple(extent)}


def _rows(session: Session, after: int) -> Iterable[Row]:
    query = select(Passage.id, Passage.book_id, Passage.text).where(Passage.id > after).order_by(Passage.id)
    return session.execute(query).yield_per(1000)
