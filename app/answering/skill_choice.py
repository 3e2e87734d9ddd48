"""Which skills there are for LLMs, and the user's choice among them. No LLM is loaded for either."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from typing import Any, Literal

from sqlalchemy.orm import Session

from app.answering.skill import SHIPPED, LoadedSkill, register_skill, shipped_llms, shipped_skill
from app.errors import CommandError
from store import skills
from store.database import Database
from store.errors import DamagedArtifactError, NotFoundError
from store.tables import ChosenBy, Skill, SkillMethod

Llm = tuple[str, str | None]
# What may be chosen besides a skill of the registry, by its number.
Named = Literal["shipped", "instruction"]
_SEE = "What there is: bookchorus skill list"


@dataclass(frozen=True)
class ListedSkill:
    """What an LLM can answer behind: a skill, or the hand-written instruction.

    `id` and `number` are the registry's; it does not have the instruction, nor a shipped skill until that is
    chosen. `stories` are those that it learned from, `questions` those that its weighting and calibration
    were fitted on, and answers with a confidence under `decline_below` are declined, where such things are
    known. `in_package` says that this package comes with it. The `champion` is what a service that starts now
    answers behind; it is the choice of the package or the user. `created_at` is in seconds since 1970.
    """

    llm: str
    revision: str | None
    id: str | None
    number: int | None
    origin: Literal["shipped", "learned", "instruction"]
    method: SkillMethod | None = None
    sha256: str | None = None
    bytes: int = 0
    stories: int | None = None
    questions: int | None = None
    decline_below: float | None = None
    in_package: bool = False
    champion: bool = False
    chosen_by: ChosenBy | None = None
    created_at: int | None = None


def list_skills(
    session: Session, llms: Collection[Llm] = (), shipped: Traversable = SHIPPED
) -> list[ListedSkill]:
    """All that these LLMs, those of the registry and those of the package can answer behind.

    For each LLM it is a shipped skill that the registry does not have, then those of the registry, the newest
    first, and the instruction. One of them is the champion.
    """
    rows: dict[Llm, list[Skill]] = {llm: [] for llm in [*llms, *skills.chosen_for(session)]}
    for row in skills.list_skills(session):
        rows.setdefault((row.base_model_id, row.base_model_revision), []).append(row)
    known = {name for name, _ in rows}
    for name, identity in shipped_llms(shipped).items():
        if name not in known:
            rows[name, identity.revision] = []
    return [
        one for llm, own in rows.items() for one in _of_llm(session, llm, own, shipped_skill(llm[0], shipped))
    ]


def choose_skill(
    database: Database, llm_id: str, revision: str, wanted: int | Named, shipped: Traversable = SHIPPED
) -> Skill | None:
    """Make the skill of an LLM with this number its champion, or the `shipped` one of this package and, after
    an update, of the next, or the `instruction`, which is None.

    CommandError: there is no such skill, or its bytes are not what was published.
    """
    if wanted == "shipped":
        found = shipped_skill(llm_id, shipped)
        if found is None:
            raise CommandError(f"No skill of {llm_id} comes with the package. {_SEE}")
        identity = replace(shipped_llms(shipped)[llm_id], revision=revision)
        return register_skill(database, identity, found, "shipped")
    with database.write() as session:
        skill = None
        if wanted != "instruction":
            try:
                skill = skills.numbered(session, llm_id, revision, wanted)
                skills.artifact(session, skill)
            except NotFoundError as error:
                raise CommandError(f"{llm_id} has no skill {wanted}. {_SEE}") from error
            except DamagedArtifactError as error:
                raise CommandError(f"Skill {wanted} of {llm_id} cannot be used: {error}") from error
        skills.choose(session, llm_id, revision, skill, "user")
        return skill


def _of_llm(session: Session, llm: Llm, rows: list[Skill], found: LoadedSkill | None) -> list[ListedSkill]:
    listed = [_registered(row, found) for row in rows]
    if found is not None and not any(one.in_package for one in listed):
        listed.insert(0, _unregistered(llm, found))
    listed.append(ListedSkill(*llm, id=None, number=None, origin="instruction"))
    choice = skills.choice(session, *llm)
    chosen_by: ChosenBy = "package" if choice is None else choice.chosen_by
    chosen = None if choice is None else choice.skill_id
    ours = [one for one in listed if one.in_package]
    if chosen_by == "package" and ours:
        champion = next((one for one in ours if one.id == chosen), ours[0])
    else:
        champion = next(one for one in reversed(listed) if one.id == chosen)
    return [replace(one, champion=True, chosen_by=chosen_by) if one is champion else one for one in listed]


def _registered(row: Skill, found: LoadedSkill | None) -> ListedSkill:
    return ListedSkill(
        llm=row.base_model_id,
        revision=row.base_model_revision,
        id=row.id,
        number=row.number,
        origin=row.origin,
        method=row.method,
        sha256=row.artifact_sha256,
        bytes=row.bytes,
        in_package=found is not None and found.is_registered_as(row),
        created_at=int(row.created_at.timestamp()),
        **_learning(row.data, row.metrics),
    )


def _unregistered(llm: Llm, found: LoadedSkill) -> ListedSkill:
    """A skill of the package that the registry does not have."""
    return ListedSkill(
        *llm,
        id=None,
        number=None,
        origin="shipped",
        method=found.skill.method,
        sha256=found.digest,
        bytes=len(found.artifact),
        in_package=True,
        **_learning(found.data, found.fitted),
    )


def _learning(data: Mapping[str, Any], fitted: Mapping[str, Any]) -> dict[str, Any]:
    """How much a skill was learned from and fitted on, and its threshold; older skills do not say all."""
    stories, questions = data.get("learned_from"), data.get("fitted_on")
    calibration = fitted.get("calibration")
    return {
        "stories": None if stories is None else len(stories),
        "questions": None if questions is None else questions["questions"],
        "decline_below": None if calibration is None else calibration.get("decline_below"),
    }
