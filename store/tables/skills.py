"""The tables of skills, and of the choices among them."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, new_id, utcnow

SkillMethod = Literal["prompt", "prefix", "lora"]
SkillOrigin = Literal["shipped", "learned"]
ChosenBy = Literal["package", "user"]


class Skill(Base):
    """A LoRA, key-value prefix or soft prompt that teaches one frozen LLM to answer from passages.

    It was learned once, from questions and answers, and from no book of the library: here (`learned`), or
    before it came with the package (`shipped`). `metrics` hold what was fitted on its answers, too: one
    artifact with two fits is two skills. `bytes` is the size of the artifact.
    """

    __tablename__ = "skills"
    __table_args__ = (UniqueConstraint("base_model_id", "base_model_revision", "number"),)

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
    origin: Mapped[SkillOrigin] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class SkillChoice(Base):
    """One choice of an LLM's champion, the skill that it answers behind; the last one counts.

    `skill_id` is None for the hand-written instruction. A choice of the `package` is followed by that of the
    next package, a choice of the `user` stays.
    """

    __tablename__ = "skill_choices"
    __table_args__ = (
        Index(None, "base_model_id", "base_model_revision", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    base_model_id: Mapped[str]
    base_model_revision: Mapped[str | None]
    skill_id: Mapped[str | None] = mapped_column(ForeignKey("skills.id"))
    chosen_by: Mapped[ChosenBy] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
