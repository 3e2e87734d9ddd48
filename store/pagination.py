"""Reads any list newest first, one page at a time."""

from datetime import datetime
from typing import TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from store.tables import Book, Job, Thread, Version

Row = TypeVar("Row", Book, Job, Thread, Version)


def newest_first(
    session: Session,
    query: Select[Row],
    table: type[Row],
    after: Row | None,
    limit: int,
    *,
    sort_by: tuple[InstrumentedAttribute[datetime], InstrumentedAttribute[str]] | None = None,
) -> tuple[list[Row], bool]:
    """Return up to `limit` rows of `query` older than `after`, newest first, and whether more follow.

    `sort_by` are the columns of moment and id to sort by, by default those of `table`. An index over both
    keeps a page cheap. ValueError: `limit` is less than 1.
    """
    if limit < 1:
        raise ValueError(f"A page has at least one row, not {limit}.")
    moment, identity = sort_by or (table.created_at, table.id)
    if after is not None:
        query = query.where(tuple_(moment, identity) < tuple_(after.created_at, after.id))
    sorted_rows = query.order_by(moment.desc(), identity.desc())
    rows = list(session.scalars(sorted_rows.limit(limit + 1)))
    return rows[:limit], len(rows) > limit
