"""Books, their text, and their passages."""

from collections.abc import Sequence

from sqlalchemy import delete as delete_rows
from sqlalchemy import exists, insert, or_, select
from sqlalchemy.orm import Session

from store.errors import NotFound
from store.pages import page
from store.scope import cleaned, fits
from store.tables import Artifact, Book, BookTag, BookText, Chapter, Member, Passage, Skill, Study, Version
from store.text import ChapterSpan, PassageSpan

# SQLite takes 32,766 parameters a statement, older builds 999.
_IDS_PER_QUERY = 500


def add(
    session: Session,
    *,
    title: str,
    author: str | None,
    language: str | None,
    filename: str | None,
    text: str,
    sha256: str,
    chapters: Sequence[ChapterSpan],
    passages: Sequence[PassageSpan],
    tags: Sequence[str] = (),
) -> tuple[Book, bool]:
    """Store a book with its chapters, passages and tags; return it and True.

    When a book with this `sha256` is there already, return that one, unchanged, its tags too, and False.
    InvalidTags: too many tags, or too long ones.
    """
    kept = cleaned(tags)
    known = session.scalar(select(Book).where(Book.sha256 == sha256))
    if known is not None:
        return known, False
    book = Book(
        title=title,
        author=author,
        language=language,
        filename=filename,
        characters=len(text),
        sha256=sha256,
        passage_count=len(passages),
        chapters=[
            Chapter(ordinal=ordinal, title=span.title, start=span.start, end=span.end)
            for ordinal, span in enumerate(chapters)
        ],
        tag_rows=[BookTag(tag=tag) for tag in kept],
    )
    session.add(book)
    session.flush()
    session.add(BookText(book_id=book.id, text=text))
    session.flush()
    if passages:
        session.execute(
            insert(Passage),
            [
                {
                    "book_id": book.id,
                    "chapter_ordinal": span.chapter,
                    "ordinal": ordinal,
                    "start": span.start,
                    "end": span.end,
                    "text": text[span.start : span.end],
                }
                for ordinal, span in enumerate(passages)
            ],
        )
    session.refresh(book, ["alias_rows"])
    return book, True


def get(session: Session, book_id: str) -> Book:
    """Return the book with its chapters and aliases. NotFound: there is none."""
    book = session.get(Book, book_id)
    if book is None:
        raise NotFound("book", book_id)
    return book


def list_books(
    session: Session,
    after: str | None = None,
    limit: int = 50,
    *,
    authors: Sequence[str] | None = None,
    tags: Sequence[str] | None = None,
) -> tuple[list[Book], bool]:
    """Return up to `limit` books added before the book `after`, newest first, and whether more follow.

    Only books by any of the `authors` and with any of the `tags`, where these are given.
    NotFound: there is no book `after`.
    """
    cursor = None if after is None else get(session, after)
    return page(session, select(Book).where(*fits(session, authors, tags)), Book, cursor, limit)


def fitting(session: Session, authors: Sequence[str] | None, tags: Sequence[str] | None) -> list[str]:
    """Return the ids of all books by any of the `authors` and with any of the `tags`, where given."""
    return list(session.scalars(select(Book.id).where(*fits(session, authors, tags))))


def text(session: Session, book_id: str) -> str:
    """Return the whole text of a book. NotFound: there is no such book."""
    whole = session.scalar(select(BookText.text).where(BookText.book_id == book_id))
    if whole is None:
        raise NotFound("book", book_id)
    return whole


def passages(session: Session, ids: Sequence[int]) -> list[Passage]:
    """Return the passages with these ids, in their order; ids that are no more are left out."""
    found: dict[int, Passage] = {}
    for first in range(0, len(ids), _IDS_PER_QUERY):
        some = ids[first : first + _IDS_PER_QUERY]
        rows = session.scalars(select(Passage).where(Passage.id.in_(some)))
        found |= {passage.id: passage for passage in rows}
    return [found[passage_id] for passage_id in ids if passage_id in found]


def passages_of(session: Session, book_id: str) -> list[Passage]:
    """Return every passage of a book, in reading order. NotFound: there is no such book."""
    get(session, book_id)
    query = select(Passage).where(Passage.book_id == book_id).order_by(Passage.ordinal)
    return list(session.scalars(query))


def passage_ids(session: Session, book_ids: Sequence[str]) -> list[int]:
    """Return the ids of all passages of these books; books that are no more have none."""
    found: list[int] = []
    for first in range(0, len(book_ids), _IDS_PER_QUERY):
        some = book_ids[first : first + _IDS_PER_QUERY]
        found += session.scalars(select(Passage.id).where(Passage.book_id.in_(some)))
    return found


def owners(session: Session, passage_ids: Sequence[int]) -> dict[int, str]:
    """Return the book id of each of these passages that still exists, by passage id."""
    found: dict[int, str] = {}
    for first in range(0, len(passage_ids), _IDS_PER_QUERY):
        some = passage_ids[first : first + _IDS_PER_QUERY]
        rows = session.execute(select(Passage.id, Passage.book_id).where(Passage.id.in_(some)))
        found |= dict(rows.all())
    return found


def delete(session: Session, book_id: str) -> None:
    """Remove a book and all that was learned from it, its jobs included.

    Artifacts that a skill, or a version or study of another book, uses too stay.
    NotFound: there is no such book.
    """
    get(session, book_id)
    learned = set(
        session.scalars(
            select(Member.artifact_sha256)
            .join(Version, Version.id == Member.version_id)
            .where(Version.book_id == book_id)
        )
    )
    learned |= set(session.scalars(select(Study.artifact_sha256).where(Study.book_id == book_id)))
    session.execute(delete_rows(Book).where(Book.id == book_id))
    used = or_(*(exists().where(row.artifact_sha256 == Artifact.sha256) for row in (Member, Skill, Study)))
    for sha256 in learned:
        session.execute(delete_rows(Artifact).where(Artifact.sha256 == sha256, ~used))
