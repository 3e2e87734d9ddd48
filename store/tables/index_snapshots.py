"""The table of index snapshots."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base


class IndexSnapshot(Base):
    """The index of an embedder, in a form of its files, as it is in the bucket.

    `place` is the URL of its folder there, `files` has the SHA-256 of each of its files by name, None until
    the first is published, and `state` which passages they are of. Until `lease_until` only `writer` may
    write another one.
    """

    __tablename__ = "index_snapshots"

    embedder: Mapped[str] = mapped_column(primary_key=True)
    form: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[str]
    files: Mapped[dict[str, Any] | None]
    state: Mapped[dict[str, Any] | None]
    published_at: Mapped[datetime | None]
    writer: Mapped[str | None]
    lease_until: Mapped[datetime | None]
