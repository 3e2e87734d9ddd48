"""Skills, and which of them an LLM answers behind."""

from typing import Literal

from pydantic import BaseModel


class Skill(BaseModel):
    """What an LLM can answer behind: a skill, or the hand-written instruction.

    `id` and `number` are null for the instruction, and for a skill of the package until it is registered.
    `stories` is how many it learned from, `questions` how many its weighting and calibration were fitted on;
    answers with a confidence under `decline_below` are declined. `in_package` says that it comes with this
    package. The `champion` of its LLM is what a service that starts now answers behind: `chosen_by` the
    `package`, with which it changes, or by the `user`. `loaded` is what the running service answers behind,
    null where no service says it.
    """

    object: Literal["skill"] = "skill"
    id: str | None
    llm: str
    revision: str | None
    number: int | None
    origin: Literal["shipped", "learned", "instruction"]
    method: Literal["prompt", "prefix", "lora"] | None
    sha256: str | None
    bytes: int
    stories: int | None
    questions: int | None
    decline_below: float | None
    in_package: bool
    champion: bool
    chosen_by: Literal["package", "user"] | None
    created_at: int | None
    loaded: bool | None = None


class SkillList(BaseModel):
    """The skills, LLM by LLM; `detail` says that a restart takes another than is loaded."""

    object: Literal["list"] = "list"
    data: list[Skill]
    detail: str = ""
