"""Checks the database itself: its file, and that every foreign key points at a row."""

from collections.abc import Iterator

from sqlalchemy import ForeignKeyConstraint, and_, func, select, text

from store.tables import Base
from store.verify.context import CheckContext
from store.verify.finding import RESTORE, Finding


def check(context: CheckContext) -> Iterator[Finding]:
    """Check SQLite's pages and indexes, and all foreign keys."""
    if context.session.get_bind().dialect.name == "sqlite":
        context.on_progress("pages", 0, 1)
        for line in context.session.scalars(text("PRAGMA integrity_check")):
            if line != "ok":
                yield Finding("database", f"The database's file is damaged: {line}.", RESTORE)
        context.on_progress("pages", 1, 1)
    keys = [key for table in Base.metadata.sorted_tables for key in table.foreign_key_constraints]
    for done, key in enumerate(keys, start=1):
        dangling = _count_dangling(context, key)
        if dangling:
            tables = f"{dangling} rows of {key.table.name} need one of {key.referred_table.name}"
            what = f"{tables} that is not there."
            yield Finding("foreign-key", what, RESTORE)
        context.on_progress("foreign keys", done, len(keys))


def _count_dangling(context: CheckContext, key: ForeignKeyConstraint) -> int:
    """Count the rows whose foreign key points at no row."""
    referred = key.referred_table.alias()
    pairs = [(element.parent, referred.c[element.column.name]) for element in key.elements]
    there = select(1).where(and_(*(own == other for own, other in pairs))).exists()
    rows = select(func.count()).select_from(key.table).where(*(own.is_not(None) for own, _ in pairs), ~there)
    return context.session.scalar(rows) or 0
