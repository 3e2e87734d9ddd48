"""The table of artifacts."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, utcnow


class Artifact(Base):
    """Bytes under their own SHA-256. Pruning removes the bytes and leaves their hash and size.

    `bucket` is the URL of the folder outside that has the bytes, None where `data` has them. A row that is
    pruned and has one still has an object there, which is to be deleted; see `store.artifacts.sweep`.
    """

    __tablename__ = "artifacts"
    __table_args__ = (Index(None, "bucket", "pruned_at"),)

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int]
    data: Mapped[bytes] = mapped_column(deferred=True)
    pruned_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    bucket: Mapped[str | None]
