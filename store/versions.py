"""Published versions: immutable, numbered 1, 2, 3 within their book."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from store import aliases, artifacts
from store.errors import NotFound
from store.pages import page
from store.tables import Alias, Book, Job, Member, Skill, Study, Version, utcnow


@dataclass(frozen=True, slots=True)
class NewMember:
    """A learned soft prompt about to be published: its file's bytes, its seed, what was measured."""

    artifact: bytes
    seed: int
    metrics: dict[str, Any] = field(default_factory=dict)


class BaseModel(TypedDict):
    """The frozen LLM that members were learned on."""

    id: str
    revision: str | None
    hidden_size: int
    quantization: str
    dtype: str


def publish(
    session: Session,
    *,
    book_id: str,
    members: Sequence[NewMember],
    recipe: Mapping[str, Any],
    base_model: BaseModel,
    metrics: Mapping[str, Any],
    parent: int | None,
    job_id: str | None,
    who: str,
    skill_id: str | None = None,
    study_id: str | None = None,
    revision: int | None = None,
    libraries: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
    gate: Mapping[str, Any] | None = None,
    promote: bool = True,
) -> Version:
    """Store the next version of a book, put `latest` on it, and `champion` too if it is to `promote`.

    `skill_id` is the skill the members were learned behind, `study_id` the study they were learned on,
    `revision` the one of the book's text, by default the newest; see `Version` for the others.
    A worker finishes its job in the same transaction, so that a stale token takes the version back.
    NotFound: no such book, parent, job, skill or study of this book. ValueError: no members.
    """
    if not members:
        raise ValueError("A version has at least one member.")
    # Row lock where the database has one: two publishes get two numbers.
    newest = session.scalar(select(Book.revision).where(Book.id == book_id).with_for_update())
    if newest is None:
        raise NotFound("book", book_id)
    if parent is not None:
        get(session, book_id, parent)
    if job_id is not None and session.get(Job, job_id) is None:
        raise NotFound("job", job_id)
    if skill_id is not None and session.get(Skill, skill_id) is None:
        raise NotFound("skill", skill_id)
    if study_id is not None:
        study = session.get(Study, study_id)
        if study is None or study.book_id != book_id:
            raise NotFound("study", study_id)
    last = session.scalar(select(func.max(Version.number)).where(Version.book_id == book_id)) or 0
    version = Version(
        book_id=book_id,
        number=last + 1,
        recipe=dict(recipe),
        base_model_id=base_model["id"],
        base_model_revision=base_model["revision"],
        hidden_size=base_model["hidden_size"],
        quantization=base_model["quantization"],
        dtype=base_model["dtype"],
        metrics=dict(metrics),
        revision=newest if revision is None else revision,
        libraries=dict(libraries or {}),
        data=dict(data or {}),
        gate=None if gate is None else dict(gate),
        parent_number=parent,
        job_id=job_id,
        skill_id=skill_id,
        study_id=study_id,
        members=[
            Member(
                ordinal=ordinal,
                seed=member.seed,
                metrics=member.metrics,
                artifact_sha256=artifacts.put(session, member.artifact),
                bytes=len(member.artifact),
            )
            for ordinal, member in enumerate(members)
        ],
    )
    session.add(version)
    session.flush()
    for alias in ("latest", "champion") if promote else ("latest",):
        aliases.move(
            session, book_id, alias, version.number, who=who, why=f"version {version.number} published"
        )
    return version


def get(session: Session, book_id: str, ref: int | str) -> Version:
    """Return a version by its number or by the name of an alias on it. NotFound: there is none."""
    query = select(Version).where(Version.book_id == book_id)
    if isinstance(ref, int) or (ref.isascii() and ref.isdigit()):
        # No version is 0, and none has more digits than any INTEGER column can hold.
        query = query.where(Version.number == (int(ref) if len(str(ref)) < 10 else 0))
    else:
        query = query.join(Version.alias_rows).where(Alias.name == ref)
    version = session.scalar(query)
    if version is None:
        raise NotFound("version", f"{book_id}@{ref}")
    return version


def list_versions(
    session: Session,
    *,
    book_id: str | None = None,
    base_model: str | None = None,
    alias: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Version], bool]:
    """Return up to `limit` versions older than the version id `after`, newest first, and whether more follow.

    `base_model` is the LLM's id; `alias` keeps the versions that carry the name.
    NotFound: there is no version `after`.
    """
    query = select(Version)
    if book_id is not None:
        query = query.where(Version.book_id == book_id)
    if base_model is not None:
        query = query.where(Version.base_model_id == base_model)
    if alias is not None:
        query = query.where(Version.alias_rows.any(Alias.name == alias))
    cursor = None
    if after is not None:
        cursor = session.get(Version, after)
        if cursor is None:
            raise NotFound("version", after)
    return page(session, query, Version, cursor, limit)


def by_revision(session: Session, book_id: str) -> dict[int, list[int]]:
    """Return the numbers of the versions that learned each revision of a book's text, by revision."""
    query = select(Version.revision, Version.number).where(Version.book_id == book_id)
    found: dict[int, list[int]] = {}
    for revision, number in session.execute(query.order_by(Version.number)):
        found.setdefault(revision, []).append(number)
    return found


def members(session: Session, version: Version) -> list[bytes]:
    """Return the artifacts of a version in member order. DamagedArtifact: one is not what was stored.

    To go on without a damaged member, read each one with `artifacts.get`.
    """
    return [artifacts.get(session, member.artifact_sha256) for member in version.members]


def mark_damaged(session: Session, version_id: str, ordinals: Collection[int]) -> None:
    """Note that these members are not what was published; when that was first found is kept."""
    session.execute(
        update(Member)
        .where(Member.version_id == version_id, Member.ordinal.in_(ordinals), Member.damaged_at.is_(None))
        .values(damaged_at=utcnow())
    )
