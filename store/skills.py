"""Skills of frozen LLMs, numbered 1, 2, 3 for each LLM, and the choices which of them is its champion."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from store import artifacts
from store.errors import NotFoundError
from store.tables import ChosenBy, Skill, SkillChoice, SkillMethod, SkillOrigin


def publish(
    session: Session,
    *,
    base_model: Mapping[str, Any],
    method: SkillMethod,
    artifact: bytes,
    recipe: Mapping[str, Any],
    data: Mapping[str, Any],
    metrics: Mapping[str, Any],
    origin: SkillOrigin = "learned",
) -> Skill:
    """Store the next skill of an LLM and make it the champion, by the choice of the package that it came with
    or else of the user.

    `data` says what it was learned from: source, licence, sha256. If the LLM has a skill with the same bytes
    and metrics already, that one becomes the champion, as it is. The same bytes with other metrics, such as a
    weighting that was fitted anew, are a skill of its own with the same artifact.
    """
    llm = base_model["id"], base_model["revision"]
    sha256 = artifacts.put(session, artifact)
    siblings = _lock_skills(session, *llm)
    known = (one for one in siblings if one.artifact_sha256 == sha256 and one.metrics == dict(metrics))
    skill = next(known, None)
    if skill is None:
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
            origin=origin,
        )
        session.add(skill)
        session.flush()
    choose(session, *llm, skill, "package" if origin == "shipped" else "user")
    return skill


def choose(
    session: Session,
    base_model_id: str,
    base_model_revision: str | None,
    skill: Skill | None,
    chosen_by: ChosenBy,
) -> None:
    """Make one of its skills the champion of an LLM, or None of them, which is the instruction.

    A choice that is made already is not noted again.
    """
    skill_id = None if skill is None else skill.id
    last = choice(session, base_model_id, base_model_revision)
    if last is not None and (last.skill_id, last.chosen_by) == (skill_id, chosen_by):
        return
    session.add(
        SkillChoice(
            base_model_id=base_model_id,
            base_model_revision=base_model_revision,
            skill_id=skill_id,
            chosen_by=chosen_by,
        )
    )
    session.flush()


def choice(session: Session, base_model_id: str, base_model_revision: str | None) -> SkillChoice | None:
    """Return the last choice of an LLM's champion; None where nobody has chosen yet."""
    return session.scalar(
        select(SkillChoice)
        .where(
            SkillChoice.base_model_id == base_model_id, SkillChoice.base_model_revision == base_model_revision
        )
        .order_by(SkillChoice.id.desc())
        .limit(1)
    )


def champion(session: Session, base_model_id: str, base_model_revision: str | None) -> Skill | None:
    """Return the skill that was chosen for an LLM, if one was."""
    last = choice(session, base_model_id, base_model_revision)
    return None if last is None or last.skill_id is None else get(session, last.skill_id)


def get(session: Session, skill_id: str) -> Skill:
    """Return a skill. NotFoundError: there is none."""
    skill = session.get(Skill, skill_id)
    if skill is None:
        raise NotFoundError("skill", skill_id)
    return skill


def find(
    session: Session, base_model_id: str, base_model_revision: str | None, artifact_sha256: str
) -> Skill | None:
    """Return the skill of an LLM that has these bytes, if there is one; of several, the first."""
    return session.scalar(
        _of_llm(base_model_id, base_model_revision).where(Skill.artifact_sha256 == artifact_sha256).limit(1)
    )


def numbered(session: Session, base_model_id: str, base_model_revision: str | None, number: int) -> Skill:
    """Return the skill of an LLM that has this number. NotFoundError: there is none."""
    skill = session.scalar(_of_llm(base_model_id, base_model_revision).where(Skill.number == number))
    if skill is None:
        raise NotFoundError("skill", number)
    return skill


def list_skills(session: Session) -> list[Skill]:
    """Return every skill of every LLM, newest first."""
    return list(session.scalars(select(Skill).order_by(Skill.created_at.desc(), Skill.number.desc())))


def chosen_for(session: Session) -> list[tuple[str, str | None]]:
    """Return the LLMs, by id and revision, of which somebody has chosen the champion."""
    pairs = select(SkillChoice.base_model_id, SkillChoice.base_model_revision).distinct()
    return [(name, revision) for name, revision in session.execute(pairs)]


def artifact(session: Session, skill: Skill) -> bytes:
    """Return the artifact of a skill. DamagedArtifactError: it is not what was stored."""
    return artifacts.get(session, skill.artifact_sha256)


def _lock_skills(session: Session, base_model_id: str, base_model_revision: str | None) -> list[Skill]:
    """All skills of an LLM, their rows locked where the database has row locks.

    Two skills published at once then get two numbers.
    """
    return list(session.scalars(_of_llm(base_model_id, base_model_revision).with_for_update()))


def _of_llm(base_model_id: str, base_model_revision: str | None) -> Select[Skill]:
    """The skills of an LLM, the first one first."""
    return (
        select(Skill)
        .where(Skill.base_model_id == base_model_id, Skill.base_model_revision == base_model_revision)
        .order_by(Skill.number)
    )
