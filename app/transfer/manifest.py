"""The manifest of an export, version.json: all that the registry knows of a version."""

import importlib.metadata
import re
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from sqlalchemy.orm import Session

from app.transfer.refusal import ImportRefusedError, read_json
from store import books, revisions, skills
from store.tables import Version

MANIFEST = "version.json"


class ExportedBook(BaseModel):
    """The book that a version was learned from; `sha256` is that of the text it learned."""

    id: str
    title: str
    author: str | None
    language: str | None
    sha256: str


class ExportedSkill(BaseModel):
    """The skill that a version was learned behind."""

    id: str
    number: int
    sha256: str


class ExportedLLM(BaseModel):
    """The frozen LLM that a version belongs to."""

    id: str
    revision: str | None
    hidden_size: int
    quantization: str
    dtype: str


class ExportedMember(BaseModel):
    """A member, counted from 0, with its size in bytes and its held-out losses before and after learning."""

    member: int
    seed: int
    sha256: str
    bytes: int
    loss_before: float | None
    loss_after: float | None
    damaged: bool = False
    curve: list[float] | None = None


class ExportedVersion(BaseModel):
    """A version with its members; what the fields are is said in the API's list of versions.

    `created_at` is in whole seconds since 1970 (UTC).
    """

    id: str
    object: Literal["prompt_version"] = "prompt_version"
    book: str
    book_title: str
    number: int
    members: list[ExportedMember]
    recipe: dict[str, Any]
    base_model: ExportedLLM
    revision: int
    parent: int | None
    skill: str | None
    study: str | None
    metrics: dict[str, Any]
    libraries: dict[str, Any]
    data: dict[str, Any]
    gate: dict[str, Any] | None
    pruned: bool
    state: str
    refused: str | None
    aliases: list[str]
    bytes: int
    job: str | None
    created_at: int


class Manifest(BaseModel):
    """`metrics` holds what was measured of each member; `made_with` is the release that wrote the export."""

    format: Literal["bookchorus-version"] = "bookchorus-version"
    format_version: Literal[1] = 1
    made_with: str
    version: ExportedVersion
    metrics: list[dict[str, Any]]
    book: ExportedBook
    skill: ExportedSkill | None

    @property
    def instruction(self) -> str | None:
        """The SHA-256 of the instruction that the version was learned behind, where it was no skill."""
        found = self.version.data.get("instruction")
        return found if self.skill is None and isinstance(found, str) else None

    @property
    def has_skill(self) -> bool:
        """Whether the version was learned behind anything: a skill, or the instruction."""
        return self.skill is not None or self.instruction is not None


def manifest(session: Session, version: Version, refused: str | None) -> Manifest:
    """The manifest of a version; `refused` says why the LLM that is loaded cannot use it."""
    book = books.get(session, version.book_id)
    revision = next(
        each for each in revisions.list_revisions(session, version.book_id) if each.number == version.revision
    )
    skill = None if version.skill_id is None else skills.get(session, version.skill_id)
    return Manifest(
        made_with=importlib.metadata.version("bookchorus"),
        version=describe_version(version, book.title, refused),
        metrics=[member.metrics for member in version.members],
        book=ExportedBook(
            id=book.id,
            title=book.title,
            author=book.author,
            language=book.language,
            sha256=revision.sha256,
        ),
        skill=None
        if skill is None
        else ExportedSkill(id=skill.id, number=skill.number, sha256=skill.artifact_sha256),
    )


def read_manifest(data: bytes) -> Manifest:
    """Parse the manifest of an export. ImportRefusedError: it is none."""
    try:
        manifest = Manifest.model_validate(read_json(data, MANIFEST, "bad-manifest"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ImportRefusedError("bad-manifest", f"{MANIFEST}: {where}: {first['msg']}.") from error
    base = manifest.version.base_model
    if not all(re.fullmatch(r"\w{1,20}", name) for name in (base.quantization, base.dtype)):
        raise ImportRefusedError("bad-manifest", f"{MANIFEST} names no quantization or dtype.")
    if not all(0 <= member.seed < 2**63 for member in manifest.version.members):
        raise ImportRefusedError("bad-manifest", f"{MANIFEST} has a seed that is none.")
    return manifest


def describe_version(
    row: Version, title: str, refused: str | None, *, curves: bool = False
) -> ExportedVersion:
    """All that the registry knows of a version of the book titled `title`.

    `refused` says why the LLM that is loaded cannot use it; with `curves` each member has its losses.
    """
    members = [
        ExportedMember(
            member=member.ordinal,
            seed=member.seed,
            sha256=member.artifact_sha256,
            bytes=member.bytes,
            loss_before=member.loss_before,
            loss_after=member.loss_after,
            damaged=member.damaged_at is not None,
            curve=member.metrics.get("curve") if curves else None,
        )
        for member in row.members
    ]
    return ExportedVersion(
        id=row.id,
        book=row.book_id,
        book_title=title,
        number=row.number,
        members=members,
        recipe=row.recipe,
        base_model=ExportedLLM(
            id=row.base_model_id,
            revision=row.base_model_revision,
            hidden_size=row.hidden_size,
            quantization=row.quantization,
            dtype=row.dtype,
        ),
        revision=row.revision,
        parent=row.parent_number,
        skill=row.skill_id,
        study=row.study_id,
        metrics=row.metrics,
        libraries=row.libraries,
        data=row.data,
        gate=row.gate,
        pruned=row.pruned_at is not None,
        state=row.state,
        refused=refused,
        aliases=row.aliases,
        bytes=sum(member.bytes for member in members),
        job=row.job_id,
        created_at=int(row.created_at.timestamp()),
    )
