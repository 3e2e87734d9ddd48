"""Movable names on a book's versions. Every move is kept."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.errors import InvalidAlias, NotFound
from store.tables import Alias, AliasMove, Book, Version

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


def move(
    session: Session, book_id: str, alias: str, number: int, *, who: str, why: str | None = None
) -> Alias:
    """Put `alias` on version `number` of a book, and remember who did it and why.

    An alias that is there already is left as it is, without a new line in the history.
    InvalidAlias: not a name. NotFound: no such book or version.
    """
    if not _NAME.fullmatch(alias):
        raise InvalidAlias(alias)
    _locked(session, book_id)
    if session.scalar(select(Version.id).where(Version.book_id == book_id, Version.number == number)) is None:
        raise NotFound("version", f"{book_id}@{number}")
    row = session.get(Alias, (book_id, alias))
    before = row.number if row else None
    if row is None:
        row = Alias(book_id=book_id, name=alias, number=number)
        session.add(row)
    if before != number:
        row.number = number
        _remember(session, book_id, alias, before, number, who, why)
    return row


def remove(session: Session, book_id: str, alias: str, *, who: str, why: str | None = None) -> None:
    """Take `alias` off. NotFound: no such book, or no such alias on it."""
    _locked(session, book_id)
    row = session.get(Alias, (book_id, alias))
    if row is None:
        raise NotFound("alias", f"{book_id}@{alias}")
    session.delete(row)
    _remember(session, book_id, alias, row.number, None, who, why)


def history(session: Session, book_id: str) -> list[AliasMove]:
    """Return every move of a book's aliases, newest first. NotFound: no such book."""
    if session.get(Book, book_id) is None:
        raise NotFound("book", book_id)
    query = select(AliasMove).where(AliasMove.book_id == book_id).order_by(AliasMove.id.desc())
    return list(session.scalars(query))


def _locked(session: Session, book_id: str) -> None:
    # Row lock where the database has one, so that two moves are two lines of one history.
    if session.scalar(select(Book.id).where(Book.id == book_id).with_for_update()) is None:
        raise NotFound("book", book_id)


def _remember(
    session: Session,
    book_id: str,
    alias: str,
    before: int | None,
    after: int | None,
    who: str,
    why: str | None,
) -> None:
    session.add(
        AliasMove(book_id=book_id, alias=alias, from_number=before, to_number=after, who=who, why=why)
    )
    session.flush()
    # Books and versions the caller already holds show their aliases; let them show the new ones.
    for held in list(session.identity_map.values()):
        if (isinstance(held, Book) and held.id == book_id) or (
            isinstance(held, Version) and held.book_id == book_id
        ):
            session.refresh(held, ["alias_rows"])
