"""Passages in the shapes of the API."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app import schemas
from app.answering import types
from store import books, tables
from store.passages import pages_of
from store.segmentation import PageSpan


def first_and_last(pages: Sequence[PageSpan]) -> tuple[str | None, str | None]:
    """The labels of the first and the last page; None where there are no pages."""
    return (pages[0].label, pages[-1].label) if pages else (None, None)


def found(passage: types.Passage) -> schemas.FoundPassage:
    """A passage that a search found."""
    first_page, last_page = first_and_last(passage.pages)
    return schemas.FoundPassage(
        id=passage.id,
        book=passage.book,
        title=passage.title,
        author=passage.author,
        ordinal=passage.ordinal,
        chapter=passage.chapter,
        first_page=first_page,
        last_page=last_page,
        start=passage.start,
        end=passage.end,
        text=passage.text,
        score=passage.score,
    )


def shown(session: Session, book_id: str, rows: Sequence[tables.Passage]) -> list[schemas.Passage]:
    """Passages of one book. NotFoundError: the book is not there."""
    book = books.get(session, book_id)
    pages = pages_of(session, rows)
    shapes = []
    for row in rows:
        first_page, last_page = first_and_last(pages[row.id])
        shapes.append(
            schemas.Passage(
                id=row.id,
                book=book.id,
                title=book.title,
                author=book.author,
                ordinal=row.ordinal,
                chapter=book.chapters[row.chapter_ordinal].title,
                first_page=first_page,
                last_page=last_page,
                start=row.start,
                end=row.end,
                text=row.text,
            )
        )
    return shapes
