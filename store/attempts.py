"""Attempts at jobs: which job may be begun, and how each attempt ended."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import Job, Outcome, utcnow

# A clock that is set right by less than this has not been set back.
_SLACK = timedelta(seconds=5)


def first_free(
    session: Session, now: datetime, length: timedelta, has_ended: Callable[[str], bool]
) -> Job | None:
    """The oldest job that a worker may take."""
    order = (Job.created_at, Job.id)
    waiting = session.scalar(select(Job).where(Job.status == "queued").order_by(*order).limit(1))
    left = [
        job
        for job in session.scalars(select(Job).where(Job.status == "running").order_by(*order))
        if job.lease_until is None
        or not now < job.lease_until <= now + length + _SLACK
        or (job.worker is not None and has_ended(job.worker))
    ]
    free = [*left[:1], *([] if waiting is None else [waiting])]
    return min(free, key=lambda job: (job.created_at, job.id), default=None)


def vanished(job: Job) -> None:
    """Close the attempt of a worker that stopped without a word; it does not count if the job got further."""
    before = max((each.step for each in job.history if each.outcome is not None), default=0)
    reached = _step(job)
    close(job, "vanished", f"Worker {job.worker} stopped without a word, {_reached(reached)}.")
    if reached > before:
        job.attempts -= 1


def close(job: Job, outcome: Outcome, reason: str) -> None:
    """Say how the attempt that goes on has ended."""
    for attempt in job.history:
        if attempt.outcome is None:
            attempt.outcome, attempt.reason = outcome, reason
            attempt.step, attempt.ended_at = _step(job), utcnow()


def _step(job: Job) -> int:
    """How many steps the job has got done."""
    return int((job.progress or {}).get("step", 0))


def _reached(step: int) -> str:
    return f"after step {step}" if step else "before the first step"
