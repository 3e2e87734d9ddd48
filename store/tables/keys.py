"""The table of API keys."""

from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, new_id, utcnow

Role = Literal["reader", "writer", "admin"]


class ApiKey(Base):
    """A key to the service, of which only the SHA-256 of its whole text is kept; `owner` names its library.

    Without a limit a column is None. `most_books` and `most_bytes` (UTF-8) bound the owner's library as it
    is when this key adds to it; `training_tokens` are those that the jobs of this key may read in all.
    """

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("key"))
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(String(8))
    owner: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    requests_per_minute: Mapped[int | None]
    most_books: Mapped[int | None]
    most_bytes: Mapped[int | None] = mapped_column(BigInteger)
    most_training_tokens: Mapped[int | None] = mapped_column(BigInteger)
    training_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
