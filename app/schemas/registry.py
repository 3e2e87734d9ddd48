"""Prompt versions, the aliases on them, and two versions side by side."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.answers import Answer
from app.schemas.common import Request, Seed

VersionState = Literal["live", "damaged", "pruned"]


class PromptMember(BaseModel):
    """One soft prompt of a version, counted from 0, with its held-out losses before and after learning.

    `damaged` says that its bytes are no longer what was published, and that it is left out of answers.
    `curve` is its training loss at each step, where one version is shown; of more than 1,023 steps it is that
    of equal stretches of them.
    """

    member: int
    seed: int
    sha256: str
    bytes: int
    loss_before: float | None
    loss_after: float | None
    damaged: bool = False
    curve: list[float] | None = None


class BaseModelIdentity(BaseModel):
    """The frozen LLM a version belongs to."""

    id: str
    revision: str | None
    hidden_size: int
    quantization: str
    dtype: str


class PromptVersion(BaseModel):
    """One immutable version of a book's soft prompts; `parent` is the number it was continued from.

    `skill` is the skill that it was learned behind, null where that was the instruction or is not known;
    `study` the questions that it was learned from, `revision` that of the book's text, `libraries` the
    versions of what computed it, `data` the SHA-256 of what it learned from. `gate` is how it did beside the
    champion of that day. A `pruned` version is known by this record alone. The `state` is `pruned`, `damaged`
    where a member is, or `live`; `refused` says why the LLM that the service runs cannot use it, where it was
    learned on another.
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
    state: VersionState
    refused: str | None
    aliases: list[str]
    bytes: int
    job: str | None
    created_at: int


Why = Annotated[str, Field(max_length=500)]


class MoveAlias(Request):
    """The version an alias shall point to, and why; `champion` goes to a worse version only by `force`."""

    version: Annotated[int, Field(ge=1, lt=2**31)]
    why: Why | None = None
    force: bool = False


class Rollback(Request):
    """Why an alias goes back."""

    why: Why | None = None


class AliasMove(BaseModel):
    """One move of an alias; a version is null before the first move and after a removal.

    A `rollback` undid the last move before it that was not undone yet.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    id: int
    alias: str
    # "from" is a keyword of Python, so it has another name here than in JSON.
    from_version: int | None = Field(validation_alias="from", serialization_alias="from")
    to: int | None
    rollback: bool
    who: str
    why: str | None
    at: int


class AliasState(BaseModel):
    """Where an alias points now, and its moves, newest first; when `has_more`, go on after the last's id."""

    book: str
    alias: str
    version: int | None
    history: list[AliasMove]
    has_more: bool


class MovedAlias(AliasState):
    """The same after a move; `moved` is false where the alias was there already, and nothing changed."""

    moved: bool = True


class BookAliases(BaseModel):
    """Where a book's aliases point now, and the moves of all, newest first, a page at a time as of one."""

    book: str
    aliases: dict[str, int]
    history: list[AliasMove]
    has_more: bool


class Prune(Request):
    """How many of a book's last versions to keep, besides those in use."""

    keep: Annotated[int, Field(ge=1, lt=2**31)]


class Pruned(BaseModel):
    """The versions of a book that were pruned."""

    book: str
    versions: list[int]


# How many of a book's questions are asked where a comparison names none.
COMPARED_QUESTIONS = 10
Ref = Annotated[int, Field(ge=1)] | Annotated[str, Field(min_length=1, max_length=32)]
Question = Annotated[str, Field(min_length=1)]


class Compare(Request):
    """Two versions, each by number or alias, and what to ask both.

    Without `questions` they are asked the first ten of those that the next version learns from.
    """

    versions: Annotated[list[Ref], Field(min_length=2, max_length=2)]
    questions: Annotated[list[Question], Field(max_length=50)] | None = None
    seed: Seed = 0


class Difference(BaseModel):
    """Something that two versions do not have in common; null where a version has none."""

    name: str
    values: list[Any]


class ComparedAnswers(BaseModel):
    """What two versions answer to one question; `expected` is what the LLM wrote as it studied the book."""

    question: str
    expected: str | None
    answers: list[Answer]


class Comparison(BaseModel):
    """Two versions of a book side by side: everything listed is in the order of `versions`.

    `recipe` and `metrics` list all that differs. Both answered with the same `seed`.
    """

    book: str
    versions: list[PromptVersion]
    recipe: list[Difference]
    metrics: list[Difference]
    seed: int
    questions: list[ComparedAnswers]
