"""The skill that answers stand behind: from the registry, from the files that come with the package, or the
hand-written instruction.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from importlib import resources
from typing import Any

from sqlalchemy.orm import Session

from app.answering.calibration import Calibration
from app.answering.weighting import Weighting
from app.errors import CommandError
from store import skills
from store.database import Database
from store.tables import Skill as Row
from trainer.llm import templates
from trainer.llm.embedded import EMBEDDED
from trainer.llm.frozen_llm import FrozenLLM, Identity
from trainer.skill.skill import Skill, SkillMismatchError, initial_skill, skill_from_bytes

_SHIPPED = {EMBEDDED: "smollm2-135m-instruct"}
# Set by hand, fitted on nothing: all that speaks for a candidate counts for as much as it says.
_UNFITTED = Weighting(answerable=1.0, retrieval=1.0, log_likelihood=1.0)


@dataclass(frozen=True)
class LoadedSkill:
    """A skill with its bytes, the weighting of candidates and the calibration of confidences fitted on
    answers behind it, and what it came from. `id` is the registry's.

    Where it `is_instruction`, nothing was learned and nothing fitted: it is what the LLM keeps of the
    hand-written instruction, its bytes are the instruction's words, and the registry does not have it.
    """

    skill: Skill
    artifact: bytes
    weighting: Weighting
    recipe: dict[str, Any]
    data: dict[str, Any]
    metrics: dict[str, Any]
    calibration: Calibration | None = None
    id: str | None = None
    is_instruction: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes, in hex."""
        return sha256(self.artifact).hexdigest()

    @property
    def learned_from(self) -> set[str]:
        """Digests of the stories that it has learned from."""
        return set(self.data.get("learned_from", []))

    @property
    def fitted(self) -> dict[str, Any]:
        """The weighting and the calibration, as JSON."""
        known = self.calibration
        return {
            "weighting": self.weighting.model_dump(),
            "calibration": None if known is None else known.model_dump(),
        }


def active_skill(database: Database, llm: FrozenLLM, *, fold: bool = True) -> LoadedSkill:
    """The skill that is the LLM's champion in the registry. Where there is none, the shipped one is
    registered; an LLM that has neither gets the instruction. The LLM is equipped with it, see `Skill.equip`.

    Raises FormatError or DamagedArtifactError when the champion's bytes are not what was published, and
    CommandError when the LLM cannot read it.
    """
    identity = llm.identity
    with database.read() as session:
        champion = skills.champion(session, identity.id, identity.revision)
        if champion is not None:
            return _equipped(_loaded(session, champion), llm, fold)
    found = shipped_skill(identity)
    if found is None:
        return instruction_skill(llm)
    return _equipped(replace(found, id=register_skill(database, identity, found).id), llm, fold)


def instruction_skill(llm: FrozenLLM) -> LoadedSkill:
    """The hand-written instruction, which the LLM reads now, as the skill of an LLM that has learned none.

    Its weighting is set by hand, and it has no calibration.
    """
    words = templates.OPENING.encode()
    return LoadedSkill(initial_skill(llm), words, _UNFITTED, {}, {}, {}, is_instruction=True)


def register_skill(database: Database, identity: Identity, skill: LoadedSkill) -> Row:
    """Publish a skill with what was fitted on it as the LLM's champion, unless it is known already."""
    with database.write() as session:
        return skills.publish(
            session,
            base_model=asdict(identity),
            method=skill.skill.method,
            artifact=skill.artifact,
            recipe=skill.recipe,
            data=skill.data,
            metrics=skill.metrics | skill.fitted,
        )


def _equipped(skill: LoadedSkill, llm: FrozenLLM, fold: bool) -> LoadedSkill:
    try:
        skill.skill.equip(llm, fold=fold)
        skill.skill.context(llm)
    except SkillMismatchError as error:
        raise CommandError(f"The skill {skill.id} cannot be used: {error}.") from error
    return skill


def _loaded(session: Session, row: Row) -> LoadedSkill:
    artifact = skills.artifact(session, row)
    return LoadedSkill(
        skill=skill_from_bytes(artifact),
        artifact=artifact,
        recipe=row.recipe,
        data=row.data,
        metrics=row.metrics,
        id=row.id,
        **_fitted(row.metrics),
    )


def shipped_skill(identity: Identity) -> LoadedSkill | None:
    """The skill that comes with the package for this LLM, or None."""
    name = _SHIPPED.get(identity.id)
    if name is None:
        return None
    folder = resources.files(__package__) / "data"
    artifact = (folder / f"{name}.safetensors").read_bytes()
    notes = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return LoadedSkill(
        skill=skill_from_bytes(artifact),
        artifact=artifact,
        recipe=notes["recipe"],
        data=notes["data"],
        metrics=notes["metrics"],
        **_fitted(notes),
    )


def _fitted(notes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that `LoadedSkill.fitted` wrote. A skill from before calibrations has no calibration."""
    known = notes.get("calibration")
    return {
        "weighting": Weighting(**notes["weighting"]),
        "calibration": None if known is None else Calibration(**known),
    }
