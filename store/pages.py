"""One way to read any list newest first, a page at a time."""

from typing import TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import Session

from store.tables import Book, Job, Version

Row = TypeVar("Row", Book, Job, Version)


def page(
    session: Session, query: Select[Row], table: type[Row], after: Row | None, limit: int
) -> tuple[list[Row], bool]:
    """Return up to `limit` rows of `query` older than `after`, newest first, and whether more follow.

    ValueError: `limit` is less than 1.
    """
    if limit < 1:
        raise ValueError(f"A page has at least one row, not {limit}.")
    if after is not None:
        query = query.where(tuple_(table.created_at, table.id) < tuple_(after.created_at, after.id))
    newest_first = query.order_by(table.created_at.desc(), table.id.desc())
    rows = list(session.scalars(newest_first.limit(limit + 1)))
    return rows[:limit], len(rows) > limit
