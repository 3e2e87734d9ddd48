"""Books: added, listed, found by author or tag, deleted."""

import hashlib
from collections.abc import Collection, Sequence
from typing import Literal

from sqlalchemy import delete as delete_rows
from sqlalchemy import select
from sqlalchemy.orm import Session

from store import artifacts, editions, scope
from store.editions import Edition
from store.errors import NotFoundError
from store.pagination import newest_first
from store.tables import (
    Book,
    BookTag,
    Chapter,
    Checkpoint,
    Job,
    Member,
    Study,
    Version,
)
from store.tags import normalize_tags

# The owner of what is added without a key, and of what was there before there were owners.
LOCAL = "local"


def add(
    session: Session,
    edition: Edition,
    *,
    title: str,
    author: str | None = None,
    language: str | None = None,
    tags: Sequence[str] = (),
    owner: str = LOCAL,
) -> tuple[Book, bool]:
    """Store a book of `owner` with its chapters, passages, pages and tags; return it and True.

    If the owner has a book with this `sha256` already, return that book unchanged, and False.
    InvalidTagsError: too many tags, or too long ones.
    """
    normalized = normalize_tags(tags)
    known = session.scalar(select(Book).where(Book.content_key == content_key(owner, edition.sha256)))
    if known is not None:
        return known, False
    book = Book(
        title=title,
        author=author,
        language=language,
        filename=edition.filename,
        format=edition.format,
        characters=len(edition.text),
        owner=owner,
        sha256=edition.sha256,
        content_key=content_key(owner, edition.sha256),
        passage_count=len(edition.passages),
        warnings=list(edition.warnings),
        revision=1,
        tag_rows=[BookTag(tag=tag) for tag in normalized],
    )
    session.add(book)
    session.flush()
    editions.store(session, book, edition)
    session.refresh(book, ["chapters", "alias_rows"])
    return book, True


def describe(
    session: Session,
    book: Book,
    *,
    title: str | None = None,
    author: str | None = None,
    language: str | None = None,
    tags: Sequence[str] | None = None,
    without: Collection[Literal["author", "language"]] = (),
) -> list[str]:
    """Give a book the title, author, language and tags that are given, and take away what it is to be
    `without`; return the names of what changed.

    InvalidTagsError: too many tags, or too long ones.
    """
    given = {"title": title, "author": author, "language": language}
    wanted = {name: value for name, value in given.items() if value} | dict.fromkeys(without)
    changed = [name for name, value in wanted.items() if getattr(book, name) != value]
    for name in changed:
        setattr(book, name, wanted[name])
    if tags is not None and (normalized := normalize_tags(tags)) != book.tags:
        session.execute(delete_rows(BookTag).where(BookTag.book_id == book.id))
        session.add_all(BookTag(book_id=book.id, tag=tag) for tag in normalized)
        changed.append("tags")
    session.flush()
    session.refresh(book, ["tag_rows"])
    return changed


def content_key(owner: str, sha256: str) -> str:
    """Return the key under which an owner has a file once."""
    return hashlib.sha256(f"{owner}\n{sha256}".encode()).hexdigest()


def get(session: Session, book_id: str, owner: str | None = None) -> Book:
    """Return the book with its chapters and aliases.

    NotFoundError: there is none or, where an `owner` is given, it is another's.
    """
    book = session.get(Book, book_id)
    if book is None or owner not in (None, book.owner):
        raise NotFoundError("book", book_id)
    return book


def chapters_to_learn(book: Book) -> list[Chapter]:
    """Return the chapters of a book without front and back matter; all, where nothing else is there."""
    inner = [chapter for chapter in book.chapters if chapter.matter == "body"]
    return inner or list(book.chapters)


def lock(session: Session, book_id: str) -> int:
    """Lock a book's row where the database has row locks, and return the number of its newest revision.

    Two changes of one book then happen one after the other. NotFoundError: there is no such book.
    """
    newest = session.scalar(select(Book.revision).where(Book.id == book_id).with_for_update())
    if newest is None:
        raise NotFoundError("book", book_id)
    return newest


def titles(session: Session, book_ids: Collection[str] | None, owner: str | None = None) -> dict[str, str]:
    """Return the titles by book id, of all books where None is given, and of the `owner` where one is; a book
    that is not there is left out.
    """
    query = select(Book.id, Book.title).where(*scope.conditions(session, None, None, owner))
    if book_ids is not None:
        query = query.where(Book.id.in_(book_ids))
    return dict(session.execute(query).all())


def list_books(
    session: Session,
    after: str | None = None,
    limit: int = 50,
    *,
    authors: Sequence[str] | None = None,
    tags: Sequence[str] | None = None,
    sha256: Sequence[str] | None = None,
    owner: str | None = None,
) -> tuple[list[Book], bool]:
    """Return up to `limit` books added before the book `after`, newest first, and whether more follow.

    Only books by any of the `authors`, with any of the `tags`, whose file has any of the hashes `sha256`, and
    of the `owner`, where these are given.
    NotFoundError: there is no such book `after`.
    """
    cursor = None if after is None else get(session, after, owner)
    query = select(Book).where(*scope.conditions(session, authors, tags, owner))
    if sha256 is not None:
        # An owner's hashes have an index.
        keys = [content_key(owner, each) for each in sha256] if owner is not None else []
        query = query.where(Book.sha256.in_(sha256) if owner is None else Book.content_key.in_(keys))
    return newest_first(session, query, Book, cursor, limit)


def ids_in_scope(
    session: Session, authors: Sequence[str] | None, tags: Sequence[str] | None, owner: str | None = None
) -> list[str]:
    """Return the ids of all books by any of the `authors`, with any of the `tags`, of the `owner`, where
    given.
    """
    return list(session.scalars(select(Book.id).where(*scope.conditions(session, authors, tags, owner))))


def delete(session: Session, book_id: str) -> None:
    """Delete a book with its jobs and all that was learned from it.

    An artifact stays if a skill, or a version or study of another book, uses it too.
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
    kept = select(Checkpoint.artifact_sha256).join(Job, Job.id == Checkpoint.job_id)
    learned |= set(session.scalars(kept.where(Job.book_id == book_id)))
    session.execute(delete_rows(Book).where(Book.id == book_id))
    artifacts.delete_unused(session, learned)
