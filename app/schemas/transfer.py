"""Versions that leave and come back, and what their members are like."""

from typing import Any, Literal

from pydantic import BaseModel

from app.schemas.registry import PromptVersion


class ExportedBook(BaseModel):
    """The book that a version was learned from; `sha256` is that of the text it learned."""

    id: str
    title: str
    author: str | None
    language: str | None
    sha256: str


class ExportedSkill(BaseModel):
    """The skill prompt that a version was learned behind."""

    id: str
    number: int
    sha256: str


class Manifest(BaseModel):
    """An export's version.json: all that the registry knows of a version.

    `metrics` holds what was measured of each member; `made_with` is the release that wrote the export.
    """

    format: Literal["bookchorus-version"] = "bookchorus-version"
    format_version: Literal[1] = 1
    made_with: str
    version: PromptVersion
    metrics: list[dict[str, Any]]
    book: ExportedBook
    skill: ExportedSkill | None


class Word(BaseModel):
    """The vocabulary's token nearest to one virtual token, and its cosine; or to how many."""

    id: int
    text: str
    position: int | None = None
    cosine: float | None = None
    count: int = 1


class Norms(BaseModel):
    """Norms of embeddings."""

    mean: float
    least: float
    most: float


class MemberLook(BaseModel):
    """A member's first virtual tokens in words, the words most often nearest, and its norms.

    Prefixes and LoRA have no words; their norms are those of a position's keys and values, or of all
    numbers. `moved` is the mean distance of these from where they started, null where that is not known.
    """

    member: int
    first: list[Word]
    frequent: list[Word]
    norms: Norms
    moved: float | None


class Inspection(BaseModel):
    """What the members of a version are like.

    `vocabulary_norm` is the mean norm of the LLM's own embeddings; `similarity` the mean cosine of each two
    of the `members`, position by position, in their order. Damaged members are left out.
    """

    book: str
    book_title: str
    number: int
    method: str
    virtual_tokens: int
    vocabulary_norm: float
    members: list[MemberLook]
    similarity: list[list[float]]
