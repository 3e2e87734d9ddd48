"""The database itself: its file, and that every row points at one that is there."""

from collections.abc import Iterator

from sqlalchemy import ForeignKeyConstraint, and_, func, select, text

from store.tables import Base
from store.verify.finding import RESTORE, Finding, Kept


def check(kept: Kept) -> Iterator[Finding]:
    """Check SQLite's pages and indexes, and all foreign keys."""
    if kept.session.get_bind().dialect.name == "sqlite":
        kept.told("pages", 0, 1)
        for line in kept.session.scalars(text("PRAGMA integrity_check")):
            if line != "ok":
                yield Finding("database", f"The database's file is damaged: {line}.", RESTORE)
        kept.told("pages", 1, 1)
    keys = [key for table in Base.metadata.sorted_tables for key in table.foreign_key_constraints]
    for done, key in enumerate(keys, start=1):
        lost = _lost(kept, key)
        if lost:
            what = f"{lost} rows of {key.table.name} need one of {key.referred_table.name} that is not there."
            yield Finding("foreign-key", what, RESTORE)
        kept.told("foreign keys", done, len(keys))


def _lost(kept: Kept, key: ForeignKeyConstraint) -> int:
    """How many rows point at none by this key."""
    wanted = key.referred_table.alias()
    pairs = [(element.parent, wanted.c[element.column.name]) for element in key.elements]
    there = select(1).where(and_(*(own == other for own, other in pairs))).exists()
    rows = select(func.count()).select_from(key.table).where(*(own.is_not(None) for own, _ in pairs), ~there)
    return kept.session.scalar(rows) or 0
