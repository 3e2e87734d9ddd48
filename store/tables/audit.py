"""The table of the audit log."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, utcnow


class AuditLine(Base):
    """A request and its `status`: who made it, with which key (None: there was none), and when it ended."""

    __tablename__ = "audit"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=utcnow, index=True)
    who: Mapped[str]
    key_id: Mapped[str | None] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(8))
    method: Mapped[str] = mapped_column(String(16))
    path: Mapped[str]
    status: Mapped[int]
