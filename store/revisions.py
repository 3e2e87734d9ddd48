"""Revisions: the texts that a book has or had, numbered 1, 2, 3."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from store import books, editions, questions
from store.editions import Edition
from store.errors import DuplicateBookError, NotFoundError
from store.tables import Book, Chapter, Page, Passage, Revision
from store.tags import normalize_tags


def add(
    session: Session,
    book_id: str,
    edition: Edition,
    *,
    title: str | None = None,
    author: str | None = None,
    language: str | None = None,
    tags: Sequence[str] | None = None,
) -> tuple[Book, bool]:
    """Give a book a new text as its next revision, and the title, author, language and tags that are given.

    Return the book and True. Earlier texts are kept; their chapters, pages and passages are not. Questions
    that people wrote, corrected or removed are carried over where their passage's text is still there. If the
    book's text has this `sha256` already, change nothing, and return the book and False. InvalidTagsError:
    too many tags, or too long ones. NotFoundError: no such book. DuplicateBookError: another book of its
    owner has this `sha256`.
    """
    tags = None if tags is None else normalize_tags(tags)
    books.lock(session, book_id)
    book = books.get(session, book_id)
    key = books.content_key(book.owner, edition.sha256)
    known = session.scalar(select(Book.id).where(Book.content_key == key))
    if known == book_id:
        return book, False
    if known is not None:
        raise DuplicateBookError(known)
    before = text(session, book_id)
    for table in (Passage, Page, Chapter):
        session.execute(delete(table).where(table.book_id == book_id))
    book.filename, book.format = edition.filename, edition.format
    book.characters, book.sha256, book.content_key = len(edition.text), edition.sha256, key
    book.passage_count, book.embedder = len(edition.passages), None
    book.warnings = list(edition.warnings)
    book.revision += 1
    books.describe(session, book, title=title, author=author, language=language, tags=tags)
    editions.store(session, book, edition)
    session.refresh(book, ["chapters"])
    questions.carry_over(session, book_id, before, edition.text)
    return book, True


def list_revisions(session: Session, book_id: str) -> list[Revision]:
    """Return the revisions of a book, newest first, without their texts. NotFoundError: no such book."""
    books.get(session, book_id)
    query = select(Revision).where(Revision.book_id == book_id).order_by(Revision.number.desc())
    return list(session.scalars(query))


def text(session: Session, book_id: str, number: int | None = None) -> str:
    """Return the whole text of a book's revision, by default of its newest.

    NotFoundError: there is no such book or revision.
    """
    wanted = books.get(session, book_id).revision if number is None else number
    found = session.scalar(
        select(Revision.text).where(Revision.book_id == book_id, Revision.number == wanted)
    )
    if found is None:
        raise NotFoundError("revision", f"{book_id} revision {wanted}")
    return found
