"""Books against their texts: revisions, chapters, pages and passages."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import Book, Chapter, Page, Passage, Revision
from store.verify.finding import RESTORE, Finding, Kept

_AGAIN = "Restore a backup, or remove the book and upload it again."


def check(kept: Kept) -> Iterator[Finding]:
    """Check that every place lies in the newest text, and that passages say what stands there."""
    books = list(kept.session.scalars(select(Book.id).order_by(Book.id)))
    for done, book_id in enumerate(books, start=1):
        book = kept.session.get_one(Book, book_id)
        yield from _revisions(kept.session, book)
        text = kept.session.scalar(
            select(Revision.text).where(Revision.book_id == book_id, Revision.number == book.revision)
        )
        if text is not None:
            for what in _places(kept.session, book, text):
                yield Finding("text", f"Book {book_id}: {what}", _AGAIN)
        kept.session.expunge_all()
        kept.told("books", done, len(books))


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


def _places(session: Session, book: Book, text: str) -> Iterator[str]:
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
    yield from _passages(session, book, text, chapters)


def _passages(session: Session, book: Book, text: str, chapters: dict[int, tuple[int, int]]) -> Iterator[str]:
    ordinals, other, astray = [], [], []
    rows = session.execute(
        select(Passage.ordinal, Passage.chapter_ordinal, Passage.start, Passage.end, Passage.text)
        .where(Passage.book_id == book.id)
        .order_by(Passage.ordinal)
    )
    for ordinal, chapter, start, stop, said in rows:
        ordinals.append(ordinal)
        first, last = chapters.get(chapter, (0, -1))
        if not first <= start <= stop <= last:
            astray.append(ordinal)
        if text[max(0, start) : max(0, stop)] != said:
            other.append(ordinal)
    if ordinals != list(range(book.passage_count)):
        yield f"it has {len(ordinals)} passages, and should have 0 to {book.passage_count - 1}."
    if astray:
        yield f"{len(astray)} passages lie outside their chapter, the first is passage {astray[0]}."
    if other:
        yield f"{len(other)} passages do not say what stands in the text, the first is passage {other[0]}."
