"""Passages: by id and by book, with the pages they are on."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import books, revisions
from store.errors import NotFoundError
from store.segmentation import PageSpan
from store.tables import Book, Page, Passage

# SQLite takes at most 32,766 parameters in a statement, older builds 999.
_IDS_PER_QUERY = 500


def get_passages(session: Session, ids: Sequence[int]) -> list[Passage]:
    """Return the passages with these ids, in the order of the ids; missing ones are left out."""
    found: dict[int, Passage] = {}
    for first in range(0, len(ids), _IDS_PER_QUERY):
        some = ids[first : first + _IDS_PER_QUERY]
        rows = session.scalars(select(Passage).where(Passage.id.in_(some)))
        found |= {passage.id: passage for passage in rows}
    return [found[passage_id] for passage_id in ids if passage_id in found]


def get(session: Session, passage_id: int, owner: str | None = None) -> Passage:
    """Return the passage with this id.

    NotFoundError: there is none or, where an `owner` is given, its book is another's.
    """
    # Numbers that the column does not hold are ids of nothing.
    passage = session.get(Passage, passage_id) if 0 < passage_id < 2**31 else None
    if passage is None or (owner is not None and session.get_one(Book, passage.book_id).owner != owner):
        raise NotFoundError("passage", passage_id)
    return passage


def passages_of_book(session: Session, book_id: str) -> list[Passage]:
    """Return every passage of a book, in reading order. NotFoundError: there is no such book."""
    books.get(session, book_id)
    query = select(Passage).where(Passage.book_id == book_id).order_by(Passage.ordinal)
    return list(session.scalars(query))


def passage_ids(session: Session, book_ids: Sequence[str]) -> list[int]:
    """Return the ids of all passages of these books; a missing book has none."""
    found: list[int] = []
    for first in range(0, len(book_ids), _IDS_PER_QUERY):
        some = book_ids[first : first + _IDS_PER_QUERY]
        found += session.scalars(select(Passage.id).where(Passage.book_id.in_(some)))
    return found


def book_ids_of_passages(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """Return the id of each passage's book, by passage id; missing passages are left out."""
    found: dict[int, str] = {}
    for first in range(0, len(ids), _IDS_PER_QUERY):
        some = ids[first : first + _IDS_PER_QUERY]
        rows = session.execute(select(Passage.id, Passage.book_id).where(Passage.id.in_(some)))
        found |= dict(rows.all())
    return found


def pages_of(session: Session, passages: Sequence[Passage]) -> dict[int, list[PageSpan]]:
    """Return the pages that each passage is on, by passage id, in reading order.

    The first is the one that the passage begins on, where that is known; a passage of a book without pages
    has none.
    """
    found: dict[int, list[PageSpan]] = {}
    for book_id in {passage.book_id for passage in passages}:
        query = select(Page.label, Page.start).where(Page.book_id == book_id).order_by(Page.ordinal)
        pages = [PageSpan(label, start) for label, start in session.execute(query)]
        starts = [page.start for page in pages]
        for passage in (each for each in passages if each.book_id == book_id):
            first = max(bisect_right(starts, passage.start) - 1, 0)
            found[passage.id] = pages[first : bisect_left(starts, passage.end)]
    return found


def passages_at(session: Session, book_id: str, ordinals: Collection[int]) -> dict[int, Passage]:
    """Return the passages of a book by their ordinals; missing ones are left out."""
    query = select(Passage).where(Passage.book_id == book_id, Passage.ordinal.in_(ordinals))
    return {passage.ordinal: passage for passage in session.scalars(query)}


def passages_to_learn(session: Session, book_id: str) -> list[Passage]:
    """Return the passages that are learned of a book, in reading order. NotFoundError: there is no such book.

    They are those of `books.chapters_to_learn`.
    """
    ordinals = {chapter.ordinal for chapter in books.chapters_to_learn(books.get(session, book_id))}
    return [each for each in passages_of_book(session, book_id) if each.chapter_ordinal in ordinals]


def text_to_learn(session: Session, book_id: str) -> str:
    """Return the text that is learned of a book, without front and back matter.

    If the book has no other chapters, return all of it. NotFoundError: there is no such book.
    """
    book = books.get(session, book_id)
    whole, learned = revisions.text(session, book_id), books.chapters_to_learn(book)
    return whole if len(learned) == len(book.chapters) else whole[learned[0].start : learned[-1].end]
