"""Versions and their aliases: numbers without gaps, names on what can answer, a history that leads there."""

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import func, select

from store.tables import Alias, AliasMove, Book, Member, Version
from store.verify.finding import RESTORE, Finding, Kept

_MOVE = "Move it with PUT /admin/books/ID/aliases/ALIAS, or restore a backup."


def check(kept: Kept) -> Iterator[Finding]:
    """Check numbers, members, aliases and the moves that were kept of them."""
    yield from _numbers(kept)
    yield from _members(kept)
    yield from _pruned(kept)
    yield from _history(kept)
    kept.told("versions", 1, 1)


def _numbers(kept: Kept) -> Iterator[Finding]:
    numbers: dict[str, list[int]] = defaultdict(list)
    rows = kept.session.execute(
        select(Version.book_id, Version.number, Version.revision, Book.revision.label("newest"))
        .join(Book, Book.id == Version.book_id)
        .order_by(Version.book_id, Version.number)
    )
    for book, number, revision, newest in rows:
        numbers[book].append(number)
        if not 1 <= revision <= newest:
            what = f"Version {book}@{number} learned revision {revision}, and the book has {newest}."
            yield Finding("version", what, RESTORE)
    for book, found in numbers.items():
        if found != list(range(1, len(found) + 1)):
            yield Finding("version", f"The versions of book {book} have gaps: {found}.", RESTORE)


def _members(kept: Kept) -> Iterator[Finding]:
    rows = kept.session.execute(
        select(Version.book_id, Version.number, func.count(Member.ordinal), func.max(Member.ordinal))
        .outerjoin(Member, Member.version_id == Version.id)
        .group_by(Version.book_id, Version.number)
    )
    for book, number, count, last in rows:
        if count == 0 or count != last + 1:
            what = f"Version {book}@{number} has {count} members, numbered up to {last}."
            yield Finding("version", what, RESTORE)


def _pruned(kept: Kept) -> Iterator[Finding]:
    rows = kept.session.execute(
        select(Alias.book_id, Alias.name, Alias.number)
        .join(Version, (Version.book_id == Alias.book_id) & (Version.number == Alias.number))
        .where(Version.pruned_at.is_not(None))
    )
    for book, name, number in rows:
        yield Finding("alias", f"{book}@{name} names version {number}, which was pruned.", _MOVE)


def _history(kept: Kept) -> Iterator[Finding]:
    """Go through all moves from the first, and see whether they lead to the aliases there are."""
    there: dict[tuple[str, str], int | None] = {}
    moves = kept.session.execute(
        select(AliasMove.book_id, AliasMove.alias, AliasMove.from_number, AliasMove.to_number).order_by(
            AliasMove.id
        )
    )
    for book, name, before, after in moves:
        if there.get((book, name)) != before:
            what = f"The history of {book}@{name} has a move from {before}, where it was not."
            yield Finding("alias", what, RESTORE)
        there[book, name] = after
    left = {key: number for key, number in there.items() if number is not None}
    rows = kept.session.execute(select(Alias.book_id, Alias.name, Alias.number))
    now = {(book, name): number for book, name, number in rows}
    for key in sorted(left.keys() | now.keys()):
        if left.get(key) != now.get(key):
            book, name = key
            what = f"{book}@{name} is on version {now.get(key)}, by its history on {left.get(key)}."
            yield Finding("alias", what, _MOVE)
