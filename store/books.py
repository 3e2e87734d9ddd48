"""Books, their text, and their passages."""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete as delete_rows
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from store import artifacts
from store.errors import DuplicateBookError, NotFoundError
from store.pages import page
from store.scope import cleaned, fits
from store.segmentation import ChapterSpan, PageSpan, PassageSpan
from store.tables import Book, BookTag, Chapter, Member, Page, Passage, Revision, Study, Version

# SQLite takes 32,766 parameters a statement, older builds 999.
_IDS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class Edition:
    """A text and how it is cut; `sha256` is of the bytes of the file that it came in."""

    text: str
    sha256: str
    chapters: Sequence[ChapterSpan]
    passages: Sequence[PassageSpan]
    pages: Sequence[PageSpan] = ()
    format: str = "txt"
    filename: str | None = None


def add(
    session: Session,
    edition: Edition,
    *,
    title: str,
    author: str | None = None,
    language: str | None = None,
    tags: Sequence[str] = (),
) -> tuple[Book, bool]:
    """Store a book with its chapters, passages, pages and tags; return it and True.

    When a book with this `sha256` is there already, return that one, unchanged, its tags too, and False.
    InvalidTagsError: too many tags, or too long ones.
    """
    kept = cleaned(tags)
    known = session.scalar(select(Book).where(Book.sha256 == edition.sha256))
    if known is not None:
        return known, False
    book = Book(
        title=title,
        author=author,
        language=language,
        filename=edition.filename,
        format=edition.format,
        characters=len(edition.text),
        sha256=edition.sha256,
        passage_count=len(edition.passages),
        revision=1,
        tag_rows=[BookTag(tag=tag) for tag in kept],
    )
    session.add(book)
    session.flush()
    _put(session, book, edition)
    session.refresh(book, ["chapters", "alias_rows"])
    return book, True


def revise(
    session: Session,
    book_id: str,
    edition: Edition,
    *,
    title: str | None = None,
    author: str | None = None,
    tags: Sequence[str] | None = None,
) -> tuple[Book, bool]:
    """Give a book a new text, its next revision, and what else is given; return it and True.

    The texts before are kept, their chapters and passages are not. When its text is of this `sha256` already,
    return it, unchanged, and False. NotFoundError: no such book. DuplicateBookError: another book is of this
    `sha256`. InvalidTagsError: too many tags, or too long ones.
    """
    kept = None if tags is None else cleaned(tags)
    # Row lock where the database has one: two revisions get two numbers.
    if session.scalar(select(Book.id).where(Book.id == book_id).with_for_update()) is None:
        raise NotFoundError("book", book_id)
    book = get(session, book_id)
    known = session.scalar(select(Book.id).where(Book.sha256 == edition.sha256))
    if known == book_id:
        return book, False
    if known is not None:
        raise DuplicateBookError(known)
    for table in (Passage, Page, Chapter):
        session.execute(delete_rows(table).where(table.book_id == book_id))
    book.filename, book.format = edition.filename, edition.format
    book.characters, book.sha256 = len(edition.text), edition.sha256
    book.passage_count = len(edition.passages)
    book.title, book.author = title or book.title, author or book.author
    book.revision += 1
    if kept is not None:
        session.execute(delete_rows(BookTag).where(BookTag.book_id == book_id))
        session.add_all(BookTag(book_id=book_id, tag=tag) for tag in kept)
    session.flush()
    _put(session, book, edition)
    session.refresh(book, ["chapters", "tag_rows"])
    return book, True


def revisions(session: Session, book_id: str) -> list[Revision]:
    """Return the revisions of a book, newest first, without their texts. NotFoundError: there is no such
    book.
    """
    get(session, book_id)
    query = select(Revision).where(Revision.book_id == book_id).order_by(Revision.number.desc())
    return list(session.scalars(query))


def _put(session: Session, book: Book, edition: Edition) -> None:
    session.add(
        Revision(
            book_id=book.id,
            number=book.revision,
            sha256=edition.sha256,
            filename=edition.filename,
            format=edition.format,
            characters=len(edition.text),
            text=edition.text,
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


def get(session: Session, book_id: str) -> Book:
    """Return the book with its chapters and aliases. NotFoundError: there is none."""
    book = session.get(Book, book_id)
    if book is None:
        raise NotFoundError("book", book_id)
    return book


def titles(session: Session, book_ids: Collection[str]) -> dict[str, str]:
    """Return the title of each of these books that there is, by id."""
    query = select(Book.id, Book.title).where(Book.id.in_(book_ids))
    return dict(session.execute(query).all())


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
    NotFoundError: there is no book `after`.
    """
    cursor = None if after is None else get(session, after)
    return page(session, select(Book).where(*fits(session, authors, tags)), Book, cursor, limit)


def fitting(session: Session, authors: Sequence[str] | None, tags: Sequence[str] | None) -> list[str]:
    """Return the ids of all books by any of the `authors` and with any of the `tags`, where given."""
    return list(session.scalars(select(Book.id).where(*fits(session, authors, tags))))


def text(session: Session, book_id: str, revision: int | None = None) -> str:
    """Return the whole text of a book, of its newest revision or of another.

    NotFoundError: there is no such book or revision.
    """
    wanted = get(session, book_id).revision if revision is None else revision
    whole = session.scalar(
        select(Revision.text).where(Revision.book_id == book_id, Revision.number == wanted)
    )
    if whole is None:
        raise NotFoundError("revision", f"{book_id} revision {wanted}")
    return whole


def page_labels(session: Session, passages: Sequence[Passage]) -> dict[int, str]:
    """Return the label of the page that each passage begins on, by passage id, where there is one."""
    found: dict[int, str] = {}
    for book_id in {passage.book_id for passage in passages}:
        pages = session.execute(
            select(Page.start, Page.label).where(Page.book_id == book_id).order_by(Page.start)
        ).all()
        for passage in passages:
            place = bisect_right(pages, passage.start, key=lambda page: page.start)
            if passage.book_id == book_id and place > 0:
                found[passage.id] = pages[place - 1].label
    return found


def passages(session: Session, ids: Sequence[int]) -> list[Passage]:
    """Return the passages with these ids, in their order; ids that are no more are left out."""
    found: dict[int, Passage] = {}
    for first in range(0, len(ids), _IDS_PER_QUERY):
        some = ids[first : first + _IDS_PER_QUERY]
        rows = session.scalars(select(Passage).where(Passage.id.in_(some)))
        found |= {passage.id: passage for passage in rows}
    return [found[passage_id] for passage_id in ids if passage_id in found]


def passages_of(session: Session, book_id: str) -> list[Passage]:
    """Return every passage of a book, in reading order. NotFoundError: there is no such book."""
    get(session, book_id)
    query = select(Passage).where(Passage.book_id == book_id).order_by(Passage.ordinal)
    return list(session.scalars(query))


def body(session: Session, book_id: str) -> tuple[str, list[str]]:
    """Return what there is to learn of a book: its text and its passages, without front and back matter.

    Of a book that is nothing else, return all. NotFoundError: there is no such book.
    """
    book, whole, passages = get(session, book_id), text(session, book_id), passages_of(session, book_id)
    inner = [chapter for chapter in book.chapters if chapter.matter == "body"]
    if not inner or len(inner) == len(book.chapters):
        return whole, [passage.text for passage in passages]
    kept = {chapter.ordinal for chapter in inner}
    return (
        whole[inner[0].start : inner[-1].end],
        [passage.text for passage in passages if passage.chapter_ordinal in kept],
    )


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
    NotFoundError: there is no such book.
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
    artifacts.drop_unused(session, learned)
