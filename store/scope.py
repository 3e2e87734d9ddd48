"""The scope of a search: books of an owner, by some authors or with some tags, in any spelling of names."""

from collections.abc import Iterable, Sequence
from unicodedata import normalize

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from store.errors import InvalidTagsError
from store.segmentation import is_blank
from store.tables import Book, BookTag

MOST_TAGS = 16
TAG_LENGTH = 60


def normalize_name(name: str) -> str:
    """Return the form in which names are compared: case folded, in NFC, one space between words."""
    return normalize("NFC", " ".join(name.split()).casefold())


def normalize_tags(tags: Iterable[str]) -> list[str]:
    """Return the tags as they are stored: normalized, sorted, without blank ones and duplicates.

    A tag with commas is split at them. InvalidTagsError: more than `MOST_TAGS`, or one of more than
    `TAG_LENGTH` characters.
    """
    found = sorted(_split(tags))
    if len(found) > MOST_TAGS:
        raise InvalidTagsError(f"A book has at most {MOST_TAGS} tags, not {len(found)}.", MOST_TAGS)
    longest = max(found, key=len, default="")
    if len(longest) > TAG_LENGTH:
        begins = f"the one that begins with {longest[:20]!r} has {len(longest)}"
        raise InvalidTagsError(f"A tag has at most {TAG_LENGTH} characters: {begins}.", TAG_LENGTH)
    return found


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
        wanted.append(Book.id.in_(select(BookTag.book_id).where(BookTag.tag.in_(_split(tags)))))
    return wanted


def _split(tags: Iterable[str]) -> set[str]:
    parts = (part for tag in tags for part in tag.split(","))
    return {normalize_name(part) for part in parts if not is_blank(part)}
