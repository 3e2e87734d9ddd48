"""The table of skills."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, new_id, utcnow

SkillMethod = Literal["prompt", "prefix", "lora"]


class Skill(Base):
    """A soft prompt or key-value prefix that teaches one frozen LLM to answer from the passages it is given.

    It was learned once, from questions and answers, and from no book of the library. At most one skill of an
    LLM is the `champion`, the one used by default. `bytes` is the size of its artifact.
    """

    __tablename__ = "skills"
    __table_args__ = (
        UniqueConstraint("base_model_id", "base_model_revision", "number"),
        Index(
            None,
            "base_model_id",
            "base_model_revision",
            unique=True,
            sqlite_where=text("champion"),
            postgresql_where=text("champion"),
        ),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("skill"))
    number: Mapped[int]
    base_model_id: Mapped[str]
    base_model_revision: Mapped[str | None]
    hidden_size: Mapped[int]
    method: Mapped[SkillMethod] = mapped_column(String(16))
    recipe: Mapped[dict[str, Any]]
    data: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    artifact_sha256: Mapped[str] = mapped_column(ForeignKey("artifacts.sha256"), index=True)
    bytes: Mapped[int]
    champion: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
