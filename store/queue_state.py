"""The state of the queue in a few numbers, for those who watch it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store import clock
from store.tables import Job, JobStatus, Worker


@dataclass(frozen=True)
class QueueState:
    """How many jobs have each status; ages in seconds, 0 where there is nothing of that age.

    `queue_age` is how long the oldest job that waits has waited, `lease_age` how long ago the worker of a
    running job was last heard of, which renews its lease: the longest.
    """

    jobs: Mapping[JobStatus, int]
    queue_age: float
    lease_age: float


def queue_state(session: Session) -> QueueState:
    """The state of this moment, by the database's clock."""
    now = clock.now(session)
    counts = session.execute(select(Job.status, func.count()).group_by(Job.status))
    waits = session.scalar(select(func.min(Job.created_at)).where(Job.status == "queued"))
    heard = session.scalar(
        select(func.min(Worker.seen_at)).join(Job, Job.worker == Worker.name).where(Job.status == "running")
    )
    return QueueState({row[0]: row[1] for row in counts}, _age(now, waits), _age(now, heard))


def _age(now: datetime, then: datetime | None) -> float:
    # Jobs are dated by the clock of the machine that queued them, which may be ahead.
    return 0.0 if then is None else max(0.0, (now - then).total_seconds())
