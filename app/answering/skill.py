"""The skill that answers stand behind: from the registry, from the files that come with the package, or the
hand-written instruction.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from sqlalchemy.orm import Session

from app.answering.calibration import Calibration
from app.answering.weighting import Weighting
from app.engine.version_skill import INSTRUCTION, skill_digest
from app.errors import CommandError
from store import outside, skills
from store.database import Database
from store.tables import Skill as Row
from store.tables import SkillOrigin
from trainer.llm.frozen_llm import FrozenLLM, Identity
from trainer.skill.skill import Skill, SkillMismatchError, initial_skill, skill_from_bytes

log = logging.getLogger(__name__)

# The folder of skills that comes with the package. A skill is the two files that `bookchorus skill train`
# writes, under any name: the tensors, and the notes, which say of which LLM it is.
SHIPPED = resources.files(__package__) / "data"
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

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its bytes, in hex."""
        return skill_digest(self.artifact)

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

    def is_registered_as(self, row: Row) -> bool:
        """Whether a row of the registry has its bytes, its weighting and its calibration."""
        if row.artifact_sha256 != self.digest:
            return False
        return _fitted(row.metrics) == {"weighting": self.weighting, "calibration": self.calibration}


def active_skill(
    database: Database, llm: FrozenLLM, *, fold: bool = True, shipped: Traversable = SHIPPED
) -> LoadedSkill:
    """The skill that the user chose or learned last, or the instruction where that was chosen. The LLM is
    equipped with it, see `Skill.equip`.

    Where the user chose nothing it is the skill that came with the package, in the folder `shipped`: it is
    registered when the registry does not have it. An LLM without one gets the instruction.

    Raises FormatError or DamagedArtifactError when the champion's bytes are not what was published, and
    CommandError when the LLM cannot read it.
    """
    identity = llm.identity
    with database.read() as session:
        choice = skills.choice(session, identity.id, identity.revision)
        champion = skills.champion(session, identity.id, identity.revision)
    found = None
    if choice is None or choice.chosen_by == "package":
        found = shipped_skill(identity.id, shipped)
        if found is not None and (champion is None or not found.is_registered_as(champion)):
            row = register_skill(database, identity, found, "shipped")
            if champion is not None:
                log.warning(
                    "Skill %d, which comes with this package, is the champion of %s now, before it was skill "
                    "%d.",
                    row.number,
                    identity.id,
                    champion.number,
                )
            champion = row
    if champion is None:
        return instruction_skill(llm)
    with database.read() as session:
        return _equipped(_loaded(session, champion, found), llm, fold)


def instruction_skill(llm: FrozenLLM) -> LoadedSkill:
    """The hand-written instruction, which the LLM reads now, as the skill of an LLM that has learned none.

    Its weighting is set by hand, and it has no calibration.
    """
    return LoadedSkill(initial_skill(llm), INSTRUCTION, _UNFITTED, {}, {}, {}, is_instruction=True)


def register_skill(
    database: Database, identity: Identity, skill: LoadedSkill, origin: SkillOrigin = "learned"
) -> Row:
    """Make a skill with what was fitted on it the champion of an LLM; see `store.skills.publish`."""
    outside.send(database, [skill.artifact])
    with database.write() as session:
        return skills.publish(
            session,
            base_model=asdict(identity),
            method=skill.skill.method,
            artifact=skill.artifact,
            recipe=skill.recipe,
            data=skill.data,
            metrics=skill.metrics | skill.fitted,
            origin=origin,
        )


def _equipped(skill: LoadedSkill, llm: FrozenLLM, fold: bool) -> LoadedSkill:
    try:
        skill.skill.equip(llm, fold=fold)
        skill.skill.context(llm)
    except SkillMismatchError as error:
        raise CommandError(f"The skill {skill.id} cannot be used: {error}.") from error
    return skill


def _loaded(session: Session, row: Row, shipped: LoadedSkill | None) -> LoadedSkill:
    """The skill of a row; its bytes are read unless the `shipped` one, which was read already, has them."""
    if shipped is not None and shipped.digest == row.artifact_sha256:
        skill, artifact = shipped.skill, shipped.artifact
    else:
        artifact = skills.artifact(session, row)
        skill = skill_from_bytes(artifact)
    return LoadedSkill(
        skill=skill,
        artifact=artifact,
        recipe=row.recipe,
        data=row.data,
        metrics=row.metrics,
        id=row.id,
        **_fitted(row.metrics),
    )


def shipped_llms(shipped: Traversable = SHIPPED) -> dict[str, Identity]:
    """The LLMs whose skills come with the package, by their ids, as they were when the skill was learned."""
    found = [notes["llm"] for notes in shipped_notes(shipped).values()]
    names = [field.name for field in fields(Identity)]
    return {llm["id"]: Identity(**{name: llm[name] for name in names}) for llm in found}


def shipped_skill(llm_id: str, shipped: Traversable = SHIPPED) -> LoadedSkill | None:
    """The skill that comes with the package for an LLM, or None."""
    for name, notes in shipped_notes(shipped).items():
        if notes["llm"]["id"] == llm_id:
            artifact = (shipped / f"{name}.safetensors").read_bytes()
            return LoadedSkill(
                skill=skill_from_bytes(artifact),
                artifact=artifact,
                recipe=notes["recipe"],
                data=notes["data"],
                metrics=notes["metrics"],
                **_fitted(notes),
            )
    return None


def shipped_notes(shipped: Traversable) -> dict[str, dict[str, Any]]:
    """The notes of each skill in a package's folder, by the name of its files."""
    names = sorted(file.name for file in shipped.iterdir() if file.name.endswith(".json"))
    return {
        name.removesuffix(".json"): json.loads((shipped / name).read_text(encoding="utf-8")) for name in names
    }


def _fitted(notes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that `LoadedSkill.fitted` wrote. A skill from before calibrations has no calibration."""
    known = notes.get("calibration")
    return {
        "weighting": Weighting(**notes["weighting"]),
        "calibration": None if known is None else Calibration(**known),
    }
