"""The scope of a search: books by some authors or with some tags, however these are written."""

from collections.abc import Iterable, Sequence
from unicodedata import normalize

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from store.errors import InvalidTagsError
from store.tables import Book, BookTag

MOST_TAGS = 16
TAG_LENGTH = 60


def folded(name: str) -> str:
    """Return the name as names are compared: case folded, composed, its words one space apart."""
    return normalize("NFC", " ".join(name.split()).casefold())


def cleaned(tags: Iterable[str]) -> list[str]:
    """Return the tags as they are kept: folded, sorted, none of them empty or twice; a comma parts two.

    InvalidTagsError: more than `MOST_TAGS`, or one of more than `TAG_LENGTH` characters.
    """
    found = sorted(_parted(tags))
    if len(found) > MOST_TAGS:
        raise InvalidTagsError(f"A book has at most {MOST_TAGS} tags, not {len(found)}.", MOST_TAGS)
    longest = max(found, key=len, default="")
    if len(longest) > TAG_LENGTH:
        begins = f"the one that begins with {longest[:20]!r} has {len(longest)}"
        raise InvalidTagsError(f"A tag has at most {TAG_LENGTH} characters: {begins}.", TAG_LENGTH)
    return found


def fits(
    session: Session, authors: Sequence[str] | None, tags: Sequence[str] | None
) -> list[ColumnElement[bool]]:
    """Return what a book must be: by any of the authors, and with any of the tags. None asks for nothing."""
    wanted: list[ColumnElement[bool]] = []
    if authors is not None:
        # Compared here, since SQLite's own lower() knows ASCII alone.
        names = {folded(author) for author in authors} - {""}
        known = session.scalars(select(Book.author).distinct())
        wanted.append(Book.author.in_([author for author in known if author and folded(author) in names]))
    if tags is not None:
        wanted.append(Book.id.in_(select(BookTag.book_id).where(BookTag.tag.in_(_parted(tags)))))
    return wanted


def _parted(tags: Iterable[str]) -> set[str]:
    return {folded(part) for tag in tags for part in tag.split(",")} - {""}
