"""Aliases: movable names on a book's versions. Every move is recorded, and can be undone."""

import re

from sqlalchemy import func, select
from sqlalchemy.orm import Session, lazyload

from store import books
from store.errors import (
    InvalidAliasError,
    NotFoundError,
    NothingToRollBackToError,
    VersionPrunedError,
    WorseThanChampionError,
)
from store.tables import Alias, AliasMove, Book, Version

CHAMPION = "champion"
LATEST = "latest"
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
) -> bool:
    """Put `alias` on version `number` of a book, and record who did it and why; returns whether it moved.

    If the alias is on that version already, nothing is changed or recorded. `champion` moves to a version
    that did worse than the champion of its day only with `force`, and the history says so.
    InvalidAliasError: not a name. NotFoundError: no such book or version. VersionPrunedError: the version has
    no soft prompts any more. WorseThanChampionError: the move needs `force`.
    """
    if not _NAME.fullmatch(alias):
        raise InvalidAliasError(alias)
    books.lock(session, book_id)
    version = _version(session, book_id, number)
    if version.pruned_at is not None:
        raise VersionPrunedError(book_id, number)
    row = session.get(Alias, (book_id, alias))
    before = row.number if row else None
    if row is None:
        row = Alias(book_id=book_id, name=alias, number=number)
    elif before == number:
        return False
    if alias == CHAMPION and version.gate is not None and not version.gate.get("passed"):
        if not force:
            raise WorseThanChampionError(number, version.gate)
        why = "forced" if why is None else f"{why} (forced)"
    _point_at(session, row, version)
    _record(session, AliasMove(alias=alias, from_number=before, to_number=number, who=who, why=why), book_id)
    return True


def rollback(session: Session, book_id: str, alias: str, *, who: str, why: str | None = None) -> Alias:
    """Put `alias` back on the version it named before the last move that no rollback has undone yet.

    A second rollback therefore goes one move further back; to go forward again, move the alias. A removal is
    undone like any other move. Versions that were pruned meanwhile are skipped, and so is the present one.
    A former champion may become the champion again without force. InvalidAliasError: not a name.
    NotFoundError: no such book. NothingToRollBackToError: there is no such version.
    """
    if not _NAME.fullmatch(alias):
        raise InvalidAliasError(alias)
    books.lock(session, book_id)
    row = session.get(Alias, (book_id, alias))
    current = row.number if row else None
    live = set(
        session.scalars(select(Version.number).where(Version.book_id == book_id, Version.pruned_at.is_(None)))
    )
    before = _moves_in_effect(session, book_id, alias)[:-1]
    number = next((each for each in reversed(before) if each in live and each != current), None)
    if number is None:
        raise NothingToRollBackToError(book_id, alias)
    if row is None:
        row = Alias(book_id=book_id, name=alias)
    _point_at(session, row, _version(session, book_id, number))
    undone = AliasMove(alias=alias, from_number=current, to_number=number, who=who, why=why, rollback=True)
    _record(session, undone, book_id)
    return row


def remove(session: Session, book_id: str, alias: str, *, who: str, why: str | None = None) -> None:
    """Remove `alias`. NotFoundError: no such book, or the book has no such alias."""
    books.lock(session, book_id)
    row = session.get(Alias, (book_id, alias))
    if row is None:
        raise NotFoundError("alias", f"{book_id}@{alias}")
    session.delete(row)
    _record(session, AliasMove(alias=alias, from_number=row.number, who=who, why=why), book_id)


def history(
    session: Session,
    book_id: str,
    alias: str | None = None,
    *,
    after: int | None = None,
    limit: int | None = None,
) -> list[AliasMove]:
    """Return the moves of a book's aliases, or of one of them, newest first.

    At most `limit` of them, older than the move with the id `after`. NotFoundError: no such book.
    """
    if session.get(Book, book_id) is None:
        raise NotFoundError("book", book_id)
    query = select(AliasMove).where(AliasMove.book_id == book_id).order_by(AliasMove.id.desc())
    if alias is not None:
        query = query.where(AliasMove.alias == alias)
    if after is not None:
        query = query.where(AliasMove.id < after)
    return list(session.scalars(query.limit(limit)))


def missing_version(session: Session, book_id: str, ref: int | str) -> NotFoundError:
    """The error for a number or alias that no version of a book has; it says which versions there are."""
    title = session.scalar(select(Book.title).where(Book.id == book_id))
    if title is None:
        return NotFoundError("version", f"{book_id}@{ref}")
    # They are numbered without a gap.
    last = session.scalar(select(func.max(Version.number)).where(Version.book_id == book_id))
    names = session.scalars(select(Alias.name).where(Alias.book_id == book_id).order_by(Alias.name)).all()
    numbers = "no version yet" if last is None else "version 1" if last == 1 else f"versions 1 to {last}"
    aliases = f", and on them the aliases {', '.join(names)}" if names else ""
    return NotFoundError("version", f"{book_id}@{ref}", f"{title!r} has {numbers}{aliases}")


def _moves_in_effect(session: Session, book_id: str, alias: str) -> list[int | None]:
    """The versions that `alias` was moved to, oldest first, without the moves that rollbacks have undone."""
    query = select(AliasMove).where(AliasMove.book_id == book_id, AliasMove.alias == alias)
    in_effect: list[int | None] = []
    for each in session.scalars(query.order_by(AliasMove.id)):
        if not each.rollback:
            in_effect.append(each.to_number)
            continue
        in_effect.pop()
        while in_effect[-1] != each.to_number:
            in_effect.pop()
    return in_effect


def _version(session: Session, book_id: str, number: int) -> Version:
    query = select(Version).where(Version.book_id == book_id, Version.number == number)
    version = session.scalar(query.options(lazyload(Version.members), lazyload(Version.alias_rows)))
    if version is None:
        raise missing_version(session, book_id, number)
    return version


def _point_at(session: Session, row: Alias, version: Version) -> None:
    row.number, row.version_id, row.published_at = version.number, version.id, version.created_at
    session.add(row)


def _record(session: Session, move: AliasMove, book_id: str) -> None:
    move.book_id = book_id
    session.add(move)
    session.flush()
    # Books and versions that the caller already holds must show the new aliases.
    for held in list(session.identity_map.values()):
        if (isinstance(held, Book) and held.id == book_id) or (
            isinstance(held, Version) and held.book_id == book_id
        ):
            session.refresh(held, ["alias_rows"])
