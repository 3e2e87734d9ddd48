"""The audit log: lines are added, kept for some days, and read newest first; none is changed."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from store.tables import AuditLine, utcnow


def add(session: Session, line: AuditLine, *, days: int, now: datetime | None = None) -> None:
    """Add a line, and let go of those that are older than so many days; 0 keeps all."""
    session.add(line)
    if days:
        session.execute(delete(AuditLine).where(AuditLine.at < (now or utcnow()) - timedelta(days=days)))
    session.flush()


def list_lines(
    session: Session,
    *,
    who: str | None = None,
    key: str | None = None,
    after: int | None = None,
    limit: int = 50,
) -> tuple[list[AuditLine], bool]:
    """Return up to `limit` lines older than the line `after`, newest first, and whether more follow.

    Only those of this name or of the key with this id, where given.
    """
    query = select(AuditLine).order_by(AuditLine.id.desc())
    if who is not None:
        query = query.where(AuditLine.who == who)
    if key is not None:
        query = query.where(AuditLine.key_id == key)
    if after is not None:
        query = query.where(AuditLine.id < after)
    rows = list(session.scalars(query.limit(limit + 1)))
    return rows[:limit], len(rows) > limit
