"""Editions: the texts of books, and how they are divided."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert
from sqlalchemy.orm import Session

from store.segmentation import ChapterSpan, PageSpan, PassageSpan
from store.tables import Book, Chapter, Page, Passage, Revision


@dataclass(frozen=True, slots=True)
class Edition:
    """A text and how it is divided; `sha256` is the hash of the file that it came in.

    `warnings` say in sentences what of the file is not in the text.
    """

    text: str
    sha256: str
    chapters: Sequence[ChapterSpan]
    passages: Sequence[PassageSpan]
    pages: Sequence[PageSpan] = ()
    format: str = "txt"
    filename: str | None = None
    warnings: Sequence[str] = ()


def store(session: Session, book: Book, edition: Edition) -> None:
    """Store the text of a book's newest revision, with its chapters, pages and passages."""
    session.add(
        Revision(
            book_id=book.id,
            number=book.revision,
            sha256=edition.sha256,
            filename=edition.filename,
            format=edition.format,
            characters=len(edition.text),
            bytes=len(edition.text.encode()),
            text=edition.text,
            warnings=list(edition.warnings),
        )
    )
    session.flush()
    chapters = [
        {
            "book_id": book.id,
            "ordinal": ordinal,
            "title": span.title,
            "start": span.start,
            "end": span.end,
            "matter": span.matter,
            "anchor": span.anchor,
        }
        for ordinal, span in enumerate(edition.chapters)
    ]
    pages = [
        {"book_id": book.id, "ordinal": ordinal, "label": span.label, "start": span.start}
        for ordinal, span in enumerate(edition.pages)
    ]
    passages = [
        {
            "book_id": book.id,
            "chapter_ordinal": span.chapter,
            "ordinal": ordinal,
            "start": span.start,
            "end": span.end,
            "text": edition.text[span.start : span.end],
        }
        for ordinal, span in enumerate(edition.passages)
    ]
    for table, rows in ((Chapter, chapters), (Page, pages), (Passage, passages)):
        if rows:
            session.execute(insert(table), rows)
