"""Prompt versions and the aliases on them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.common import Request


class PromptMember(BaseModel):
    """One soft prompt of a version, counted from 0, with its held-out losses before and after learning.

    `damaged` says that its bytes are no longer what was published, and that it is left out of answers.
    """

    member: int
    seed: int
    sha256: str
    bytes: int
    loss_before: float | None
    loss_after: float | None
    damaged: bool = False


class BaseModelIdentity(BaseModel):
    """The frozen LLM a version belongs to."""

    id: str
    revision: str | None
    hidden_size: int
    quantization: str
    dtype: str


class PromptVersion(BaseModel):
    """One immutable version of a book's soft prompts; `parent` is the number it was continued from.

    `skill` is the skill prompt that it was learned behind, `study` the questions that it was learned from,
    `revision` that of the book's text, `libraries` the versions of what computed it, `data` the SHA-256 of
    what it learned from. `gate` is how it did beside the champion of that day. A `pruned` version is known
    by this record alone.
    """

    id: str
    object: Literal["prompt_version"] = "prompt_version"
    book: str
    book_title: str
    number: int
    members: list[PromptMember]
    recipe: dict[str, Any]
    base_model: BaseModelIdentity
    revision: int
    parent: int | None
    skill: str | None
    study: str | None
    metrics: dict[str, Any]
    libraries: dict[str, Any]
    data: dict[str, Any]
    gate: dict[str, Any] | None
    pruned: bool
    aliases: list[str]
    bytes: int
    job: str | None
    created_at: int


class MoveAlias(Request):
    """The version an alias shall point to, and why."""

    version: Annotated[int, Field(ge=1, lt=2**31)]
    why: Annotated[str, Field(max_length=500)] | None = None


class AliasMove(BaseModel):
    """One move of an alias; a version is null before the first move and after a removal."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    alias: str
    # "from" is a keyword of Python, so it has another name here than in JSON.
    from_version: int | None = Field(validation_alias="from", serialization_alias="from")
    to: int | None
    who: str
    why: str | None
    at: int


class AliasState(BaseModel):
    """Where an alias points now, and every move of it."""

    book: str
    alias: str
    version: int | None
    history: list[AliasMove]
