"""The route that says which skills there are, and which of them the service has loaded."""

from dataclasses import asdict

from fastapi import APIRouter

from app import schemas
from app.answering.skill_choice import ListedSkill, list_skills
from app.answering.skill_in_force import SkillInForce
from app.http.deps import ServiceDep

router = APIRouter(prefix="/admin", tags=["admin"])


@router.get("/skills")
def skills(service: ServiceDep) -> schemas.SkillList:
    """List what LLMs can answer behind, which of it the service has loaded, and what a restart takes."""
    llm, own = service.engine.identity, service.skill
    with service.database.read() as session:
        listed = list_skills(session, [(llm.id, llm.revision)])
    ours = [one for one in listed if (one.llm, one.revision) == (llm.id, llm.revision)]
    loaded = next((one for one in ours if _is_loaded(one, own)), None)
    [champion] = [one for one in ours if one.champion]
    restart = "" if loaded is champion else f"The service takes {_named(champion)} when it is started again."
    return schemas.SkillList(
        data=[schemas.Skill(**asdict(one), loaded=one is loaded) for one in listed], detail=restart
    )


def _is_loaded(one: ListedSkill, own: SkillInForce) -> bool:
    return one.origin == "instruction" if own.is_instruction else own.id is not None and one.id == own.id


def _named(one: ListedSkill) -> str:
    if one.origin == "instruction":
        return "the instruction"
    return "the skill of the package" if one.number is None else f"skill {one.number}"
