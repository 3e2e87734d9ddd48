"""Checks books against their texts: revisions, chapters, pages and passages."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import Book, Chapter, Page, Passage, Revision
from store.verify.context import CheckContext
from store.verify.finding import RESTORE, Finding

_UPLOAD_AGAIN = "Restore a backup, or remove the book and upload it again."


def check(context: CheckContext) -> Iterator[Finding]:
    """Check that every span lies in the newest text, and that passages have the text of their span."""
    books = list(context.session.scalars(select(Book.id).order_by(Book.id)))
    for done, book_id in enumerate(books, start=1):
        book = context.session.get_one(Book, book_id)
        yield from _revisions(context.session, book)
        text = context.session.scalar(
            select(Revision.text).where(Revision.book_id == book_id, Revision.number == book.revision)
        )
        if text is not None:
            for what in _wrong_spans(context.session, book, text):
                yield Finding("text", f"Book {book_id}: {what}", _UPLOAD_AGAIN)
        context.session.expunge_all()
        context.on_progress("books", done, len(books))


def _revisions(session: Session, book: Book) -> Iterator[Finding]:
    rows = session.execute(
        select(Revision.number, Revision.sha256, Revision.characters)
        .where(Revision.book_id == book.id)
        .order_by(Revision.number)
    ).all()
    numbers = [number for number, _, _ in rows]
    if numbers != list(range(1, book.revision + 1)):
        what = f"Book {book.id} is at revision {book.revision}, and its texts are of {numbers}."
        yield Finding("text", what, RESTORE)
    elif (rows[-1].sha256, rows[-1].characters) != (book.sha256, book.characters):
        yield Finding("text", f"Book {book.id} and its newest text tell of different files.", RESTORE)


def _wrong_spans(session: Session, book: Book, text: str) -> Iterator[str]:
    end = len(text)
    if end != book.characters:
        yield f"its text has {end} characters, not {book.characters}."
    chapters = {
        ordinal: (start, stop)
        for ordinal, start, stop in session.execute(
            select(Chapter.ordinal, Chapter.start, Chapter.end).where(Chapter.book_id == book.id)
        )
    }
    outside = [ordinal for ordinal, (start, stop) in chapters.items() if not 0 <= start <= stop <= end]
    if outside:
        yield f"{len(outside)} chapters lie outside its text, the first is chapter {min(outside)}."
    pages = session.execute(
        select(Page.label, Page.start).where(Page.book_id == book.id).order_by(Page.ordinal)
    ).all()
    strange = [label for label, start in pages if not 0 <= start <= end]
    if strange:
        yield f"{len(strange)} pages begin outside its text, the first is page {strange[0]}."
    elif [start for _, start in pages] != sorted(start for _, start in pages):
        yield "its pages do not begin one after the other."
    yield from _wrong_passages(session, book, text, chapters)


def _wrong_passages(
    session: Session, book: Book, text: str, chapters: dict[int, tuple[int, int]]
) -> Iterator[str]:
    ordinals, different, outside = [], [], []
    rows = session.execute(
        select(Passage.ordinal, Passage.chapter_ordinal, Passage.start, Passage.end, Passage.text)
        .where(Passage.book_id == book.id)
        .order_by(Passage.ordinal)
    )
    for ordinal, chapter, start, stop, stored in rows:
        ordinals.append(ordinal)
        first, last = chapters.get(chapter, (0, -1))
        if not first <= start <= stop <= last:
            outside.append(ordinal)
        if text[max(0, start) : max(0, stop)] != stored:
            different.append(ordinal)
    if ordinals != list(range(book.passage_count)):
        yield f"it has {len(ordinals)} passages, and should have 0 to {book.passage_count - 1}."
    if outside:
        yield f"{len(outside)} passages lie outside their chapter, the first is passage {outside[0]}."
    if different:
        wrong = f"{len(different)} passages do not say what stands in the text"
        yield f"{wrong}, the first is passage {different[0]}."
