"""What a version was learned behind: a skill of the registry, or the hand-written instruction."""

from collections.abc import Callable
from hashlib import sha256

from sqlalchemy.orm import Session

from store import skills
from store.tables import Version
from trainer.llm import templates
from trainer.llm.frozen_llm import FrozenLLM
from trainer.skill.skill import Skill, initial_skill, skill_from_bytes

# What stands for a skill's bytes where an LLM has learned none: the words.
INSTRUCTION = templates.OPENING.encode()


def skill_digest(artifact: bytes) -> str:
    """SHA-256, in hex, of a skill's bytes or of `INSTRUCTION`: what versions and studies know it by."""
    return sha256(artifact).hexdigest()


def version_skill(session: Session, version: Version) -> Callable[[FrozenLLM], Skill] | None:
    """Gives the skill that a version was learned behind, for its LLM; the LLM reads the instruction anew.

    None where the version was learned behind nothing, or behind words that are no longer the instruction.
    Raises DamagedArtifactError for a skill that is not what was published.
    """
    if version.skill_id is not None:
        artifact = skills.artifact(session, skills.get(session, version.skill_id))
        return lambda _: skill_from_bytes(artifact)
    if version.data.get("instruction") == skill_digest(INSTRUCTION):
        return initial_skill
    return None
