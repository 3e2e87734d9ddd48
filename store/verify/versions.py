"""Checks versions and aliases: numbers without gaps, aliases on live versions, a history that agrees."""

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import func, select

from store.tables import Alias, AliasMove, Book, Member, Version
from store.verify.context import CheckContext
from store.verify.finding import RESTORE, Finding

_MOVE = "Move it with PUT /admin/books/ID/aliases/ALIAS, or restore a backup."


def check(context: CheckContext) -> Iterator[Finding]:
    """Check numbers, members, aliases and the recorded moves of aliases."""
    yield from _numbers(context)
    yield from _members(context)
    yield from _aliases_on_pruned(context)
    yield from _history(context)
    context.on_progress("versions", 1, 1)


def _numbers(context: CheckContext) -> Iterator[Finding]:
    numbers: dict[str, list[int]] = defaultdict(list)
    rows = context.session.execute(
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


def _members(context: CheckContext) -> Iterator[Finding]:
    rows = context.session.execute(
        select(Version.book_id, Version.number, func.count(Member.ordinal), func.max(Member.ordinal))
        .outerjoin(Member, Member.version_id == Version.id)
        .group_by(Version.book_id, Version.number)
    )
    for book, number, count, last in rows:
        if count == 0 or count != last + 1:
            what = f"Version {book}@{number} has {count} members, numbered up to {last}."
            yield Finding("version", what, RESTORE)


def _aliases_on_pruned(context: CheckContext) -> Iterator[Finding]:
    rows = context.session.execute(
        select(Alias.book_id, Alias.name, Alias.number)
        .join(Version, (Version.book_id == Alias.book_id) & (Version.number == Alias.number))
        .where(Version.pruned_at.is_not(None))
    )
    for book, name, number in rows:
        yield Finding("alias", f"{book}@{name} names version {number}, which was pruned.", _MOVE)


def _history(context: CheckContext) -> Iterator[Finding]:
    """Replay all moves from the first, and compare the result with the present aliases."""
    replayed: dict[tuple[str, str], int | None] = {}
    moves = context.session.execute(
        select(AliasMove.book_id, AliasMove.alias, AliasMove.from_number, AliasMove.to_number).order_by(
            AliasMove.id
        )
    )
    for book, name, before, after in moves:
        if replayed.get((book, name)) != before:
            what = f"The history of {book}@{name} has a move from {before}, where it was not."
            yield Finding("alias", what, RESTORE)
        replayed[book, name] = after
    expected = {key: number for key, number in replayed.items() if number is not None}
    rows = context.session.execute(select(Alias.book_id, Alias.name, Alias.number))
    present = {(book, name): number for book, name, number in rows}
    for key in sorted(expected.keys() | present.keys()):
        if expected.get(key) != present.get(key):
            book, name = key
            what = f"{book}@{name} is on version {present.get(key)}, by its history on {expected.get(key)}."
            yield Finding("alias", what, _MOVE)
