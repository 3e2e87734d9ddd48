"""The events of jobs: what happened in each, for those who follow it; they are added and never changed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.errors import NotFoundError
from store.tables import EventType, Job, JobEvent, Level


def add(
    session: Session,
    job_id: str,
    *,
    level: Level,
    type: EventType,  # noqa: A002 - the word the events carry
    message: str,
    data: Mapping[str, Any],
) -> JobEvent:
    """Append an event to a job's history. NotFoundError: there is no such job."""
    _check_known(session, job_id)
    entry = JobEvent(job_id=job_id, level=level, type=type, message=message, data=dict(data))
    session.add(entry)
    session.flush()
    return entry


def list_events(
    session: Session, job_id: str, after: int = 0, limit: int = 100
) -> tuple[list[JobEvent], bool]:
    """Return up to `limit` events with ids above `after`, oldest first, and whether more follow.

    NotFoundError: there is no such job.
    """
    _check_known(session, job_id)
    query = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.id > after).order_by(JobEvent.id)
    rows = list(session.scalars(query.limit(limit + 1)))
    return rows[:limit], len(rows) > limit


def _check_known(session: Session, job_id: str) -> None:
    if session.get(Job, job_id) is None:
        raise NotFoundError("job", job_id)
