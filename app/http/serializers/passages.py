"""Passages in the shapes of the API."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app import schemas
from app.answering import types
from store import books, tables
from store.passages import pages_of


def found(passage: types.Passage) -> schemas.FoundPassage:
    """A passage that a search found."""
    return schemas.FoundPassage(
        id=passage.id,
        book=passage.book,
        title=passage.title,
        author=passage.author,
        ordinal=passage.ordinal,
        chapter=passage.chapter,
        first_page=passage.pages[0].label if passage.pages else None,
        last_page=passage.pages[-1].label if passage.pages else None,
        start=passage.start,
        end=passage.end,
        text=passage.text,
        score=passage.score,
    )


def shown(session: Session, book_id: str, rows: Sequence[tables.Passage]) -> list[schemas.Passage]:
    """Passages of one book. NotFoundError: the book is not there."""
    book = books.get(session, book_id)
    pages = pages_of(session, rows)
    return [
        schemas.Passage(
            id=row.id,
            book=book.id,
            title=book.title,
            author=book.author,
            ordinal=row.ordinal,
            chapter=book.chapters[row.chapter_ordinal].title,
            first_page=pages[row.id][0].label if pages[row.id] else None,
            last_page=pages[row.id][-1].label if pages[row.id] else None,
            start=row.start,
            end=row.end,
            text=row.text,
        )
        for row in rows
    ]
