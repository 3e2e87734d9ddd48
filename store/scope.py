"""The scope of a search: books of an owner, by some authors or with some tags, in any spelling of names."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from store.tables import Book, BookTag
from store.tags import normalize_name, split_tags


def conditions(
    session: Session, authors: Sequence[str] | None, tags: Sequence[str] | None, owner: str | None = None
) -> list[ColumnElement[bool]]:
    """Return the SQL conditions that a book is by any of the authors, has any of the tags, is the owner's.

    None sets no condition; an empty list matches no book.
    """
    wanted: list[ColumnElement[bool]] = [] if owner is None else [Book.owner == owner]
    if authors is not None:
        # Compared in Python, since SQLite's lower() only handles ASCII.
        names = {normalize_name(author) for author in authors} - {""}
        known = session.scalars(select(Book.author).distinct())
        wanted.append(
            Book.author.in_([author for author in known if author and normalize_name(author) in names])
        )
    if tags is not None:
        wanted.append(Book.id.in_(select(BookTag.book_id).where(BookTag.tag.in_(split_tags(tags)))))
    return wanted
