"""What answering needs to know of the skill that the LLM is equipped with, wherever that is loaded."""

from dataclasses import dataclass
from typing import Protocol

from app.answering.calibration import Calibration
from app.answering.weighting import Weighting


class SkillInForce(Protocol):
    """A `LoadedSkill`, or a `SkillRecord` of one that another process has loaded."""

    @property
    def id(self) -> str | None:
        """The registry's id, None where the registry does not have it."""

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes, in hex."""

    @property
    def is_instruction(self) -> bool:
        """Whether it is the hand-written instruction, so that nothing was learned."""

    @property
    def weighting(self) -> Weighting:
        """The weighting of candidates that was fitted on answers behind it."""

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of confidences, None where none was fitted."""


@dataclass(frozen=True)
class SkillRecord:
    """These facts alone, which can be sent to another process."""

    id: str | None
    digest: str
    is_instruction: bool
    weighting: Weighting
    calibration: Calibration | None


def record_of(skill: SkillInForce) -> SkillRecord:
    """What there is to know of a skill."""
    return SkillRecord(skill.id, skill.digest, skill.is_instruction, skill.weighting, skill.calibration)
