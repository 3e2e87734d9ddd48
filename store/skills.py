"""Skills of frozen LLMs: numbered 1, 2, 3 for each LLM; one of them is its champion."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import artifacts
from store.errors import NotFoundError
from store.tables import Skill, SkillMethod


def publish(
    session: Session,
    *,
    base_model: Mapping[str, Any],
    method: SkillMethod,
    artifact: bytes,
    recipe: Mapping[str, Any],
    data: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> Skill:
    """Store the next skill of an LLM and make it the champion.

    `data` says what it was learned from: source, licence, sha256. If the LLM has a skill with the same bytes
    already, change nothing, and return that one.
    """
    sha256 = artifacts.put(session, artifact)
    siblings = _lock_skills(session, base_model["id"], base_model["revision"])
    for sibling in siblings:
        if sibling.artifact_sha256 == sha256:
            return sibling
    skill = Skill(
        number=max((sibling.number for sibling in siblings), default=0) + 1,
        base_model_id=base_model["id"],
        base_model_revision=base_model["revision"],
        hidden_size=base_model["hidden_size"],
        method=method,
        recipe=dict(recipe),
        data=dict(data),
        metrics=dict(metrics),
        artifact_sha256=sha256,
        bytes=len(artifact),
    )
    session.add(skill)
    session.flush()
    return promote(session, skill.id)


def champion(session: Session, base_model_id: str, base_model_revision: str | None) -> Skill | None:
    """Return the skill that an LLM uses by default, if it has any."""
    return session.scalar(
        select(Skill).where(
            Skill.base_model_id == base_model_id,
            Skill.base_model_revision == base_model_revision,
            Skill.champion,
        )
    )


def get(session: Session, skill_id: str) -> Skill:
    """Return a skill. NotFoundError: there is none."""
    skill = session.get(Skill, skill_id)
    if skill is None:
        raise NotFoundError("skill", skill_id)
    return skill


def find(
    session: Session, base_model_id: str, base_model_revision: str | None, artifact_sha256: str
) -> Skill | None:
    """Return the skill of an LLM that has these bytes, if there is one."""
    return session.scalar(
        select(Skill).where(
            Skill.base_model_id == base_model_id,
            Skill.base_model_revision == base_model_revision,
            Skill.artifact_sha256 == artifact_sha256,
        )
    )


def list_skills(session: Session) -> list[Skill]:
    """Return every skill of every LLM, newest first."""
    return list(session.scalars(select(Skill).order_by(Skill.created_at.desc(), Skill.number.desc())))


def promote(session: Session, skill_id: str) -> Skill:
    """Make a skill the champion of its LLM, instead of the present one. NotFoundError: no such skill."""
    skill = get(session, skill_id)
    for sibling in _lock_skills(session, skill.base_model_id, skill.base_model_revision):
        sibling.champion = False
    session.flush()  # never two champions, not even between two statements
    skill.champion = True
    session.flush()
    return skill


def artifact(session: Session, skill: Skill) -> bytes:
    """Return the artifact of a skill. DamagedArtifactError: it is not what was stored."""
    return artifacts.get(session, skill.artifact_sha256)


def _lock_skills(session: Session, base_model_id: str, base_model_revision: str | None) -> list[Skill]:
    """All skills of an LLM, their rows locked where the database has row locks.

    Two skills published at once then get two numbers, and one of them is the champion.
    """
    query = select(Skill).where(
        Skill.base_model_id == base_model_id, Skill.base_model_revision == base_model_revision
    )
    return list(session.scalars(query.order_by(Skill.number).with_for_update()))
