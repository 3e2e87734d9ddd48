"""The tables of jobs and their events."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, book_key, new_id, utcnow

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
EventType = Literal["message", "metrics"]
Level = Literal["info", "warning", "error"]


class Job(Base):
    """Work on a book. A running job is leased to `worker` until `lease_until` under the fencing `token`.

    The version it learns becomes the champion if it is no worse than the present one, or if `force` is set.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "status", "created_at", "id"), Index(None, "book_id", "created_at"))

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("job"))
    kind: Mapped[str]
    book_id: Mapped[str] = book_key()
    recipe: Mapped[dict[str, Any]]
    parent_number: Mapped[int | None]
    force: Mapped[bool] = mapped_column(default=False)
    status: Mapped[JobStatus] = mapped_column(String(16), default="queued")
    attempts: Mapped[int] = mapped_column(default=0)
    token: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    version_number: Mapped[int | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    progress: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class JobEvent(Base):
    """One event of a job's history. Ids ascend: a reader can go on after the last one it has seen."""

    __tablename__ = "job_events"
    __table_args__ = (Index(None, "job_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    type: Mapped[EventType] = mapped_column(String(16))
    level: Mapped[Level] = mapped_column(String(16))
    message: Mapped[str]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
