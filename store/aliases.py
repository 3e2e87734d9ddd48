"""Movable names on a book's versions. Every move is kept, and can be taken back."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session, lazyload

from store.errors import (
    InvalidAliasError,
    NotFoundError,
    NothingToRollBackToError,
    VersionPrunedError,
    WorseThanChampionError,
)
from store.tables import Alias, AliasMove, Book, Version

CHAMPION = "champion"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


def move(
    session: Session,
    book_id: str,
    alias: str,
    number: int,
    *,
    who: str,
    why: str | None = None,
    force: bool = False,
) -> Alias:
    """Put `alias` on version `number` of a book, and remember who did it and why.

    An alias that is there already is left as it is, without a new line in the history. `champion` goes to a
    version that did worse than the champion of its day only by `force`, and the history says so.
    InvalidAliasError: not a name. NotFoundError: no such book or version. VersionPrunedError: it has no soft
    prompts any more. WorseThanChampionError: it takes force.
    """
    if not _NAME.fullmatch(alias):
        raise InvalidAliasError(alias)
    _locked(session, book_id)
    version = _version(session, book_id, number)
    if version.pruned_at is not None:
        raise VersionPrunedError(book_id, number)
    row = session.get(Alias, (book_id, alias))
    before = row.number if row else None
    if row is None:
        row = Alias(book_id=book_id, name=alias, number=number)
    elif before == number:
        return row
    if alias == CHAMPION and version.gate is not None and not version.gate.get("passed"):
        if not force:
            raise WorseThanChampionError(number, version.gate)
        why = "forced" if why is None else f"{why} (forced)"
    _put(session, row, version)
    _remember(
        session, AliasMove(alias=alias, from_number=before, to_number=number, who=who, why=why), book_id
    )
    return row


def rollback(session: Session, book_id: str, alias: str, *, who: str, why: str | None = None) -> Alias:
    """Put `alias` back on the version it named before the last move that no rollback has undone yet.

    So a second rollback goes one move further back, and never forth again: that is a move. A removal is
    undone like any other move. Versions that were pruned meanwhile, and the one that the alias is on, are
    passed over. What was the champion once may be it again without force. InvalidAliasError: not a name.
    NotFoundError: no such book. NothingToRollBackToError: there is no such version.
    """
    if not _NAME.fullmatch(alias):
        raise InvalidAliasError(alias)
    _locked(session, book_id)
    row = session.get(Alias, (book_id, alias))
    current = row.number if row else None
    live = set(
        session.scalars(select(Version.number).where(Version.book_id == book_id, Version.pruned_at.is_(None)))
    )
    before = _standing(session, book_id, alias)[:-1]
    number = next((each for each in reversed(before) if each in live and each != current), None)
    if number is None:
        raise NothingToRollBackToError(book_id, alias)
    if row is None:
        row = Alias(book_id=book_id, name=alias)
    _put(session, row, _version(session, book_id, number))
    undone = AliasMove(alias=alias, from_number=current, to_number=number, who=who, why=why, rollback=True)
    _remember(session, undone, book_id)
    return row


def remove(session: Session, book_id: str, alias: str, *, who: str, why: str | None = None) -> None:
    """Take `alias` off. NotFoundError: no such book, or no such alias on it."""
    _locked(session, book_id)
    row = session.get(Alias, (book_id, alias))
    if row is None:
        raise NotFoundError("alias", f"{book_id}@{alias}")
    session.delete(row)
    _remember(session, AliasMove(alias=alias, from_number=row.number, who=who, why=why), book_id)


def history(
    session: Session,
    book_id: str,
    alias: str | None = None,
    *,
    after: int | None = None,
    limit: int | None = None,
) -> list[AliasMove]:
    """Return the moves of a book's aliases, or of one of them, newest first.

    At most `limit` of them, those before the move with the id `after`. NotFoundError: no such book.
    """
    if session.get(Book, book_id) is None:
        raise NotFoundError("book", book_id)
    query = select(AliasMove).where(AliasMove.book_id == book_id).order_by(AliasMove.id.desc())
    if alias is not None:
        query = query.where(AliasMove.alias == alias)
    if after is not None:
        query = query.where(AliasMove.id < after)
    return list(session.scalars(query.limit(limit)))


def _standing(session: Session, book_id: str, alias: str) -> list[int | None]:
    """The versions `alias` was moved to, oldest first, without the moves that rollbacks have undone."""
    query = select(AliasMove).where(AliasMove.book_id == book_id, AliasMove.alias == alias)
    standing: list[int | None] = []
    for each in session.scalars(query.order_by(AliasMove.id)):
        if not each.rollback:
            standing.append(each.to_number)
            continue
        standing.pop()
        while standing[-1] != each.to_number:
            standing.pop()
    return standing


def _version(session: Session, book_id: str, number: int) -> Version:
    query = select(Version).where(Version.book_id == book_id, Version.number == number)
    version = session.scalar(query.options(lazyload(Version.members), lazyload(Version.alias_rows)))
    if version is None:
        raise NotFoundError("version", f"{book_id}@{number}")
    return version


def _put(session: Session, row: Alias, version: Version) -> None:
    row.number, row.version_id, row.published_at = version.number, version.id, version.created_at
    session.add(row)


def _locked(session: Session, book_id: str) -> None:
    # Row lock where the database has one, so that two moves are two lines of one history.
    if session.scalar(select(Book.id).where(Book.id == book_id).with_for_update()) is None:
        raise NotFoundError("book", book_id)


def _remember(session: Session, move: AliasMove, book_id: str) -> None:
    move.book_id = book_id
    session.add(move)
    session.flush()
    # Books and versions the caller already holds show their aliases; let them show the new ones.
    for held in list(session.identity_map.values()):
        if (isinstance(held, Book) and held.id == book_id) or (
            isinstance(held, Version) and held.book_id == book_id
        ):
            session.refresh(held, ["alias_rows"])
