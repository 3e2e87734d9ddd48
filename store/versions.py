"""Versions: published once, never changed, numbered 1, 2, 3 within their book."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, selectinload

from store import aliases, artifacts, books
from store.errors import NotFoundError, VersionPrunedError
from store.pagination import newest_first
from store.tables import Alias, Book, Job, Member, Skill, Study, Version, VersionState, utcnow


@dataclass(frozen=True, slots=True)
class NewMember:
    """A member to be published: the bytes of its artifact, its seed, and the metrics of its training."""

    artifact: bytes
    seed: int
    metrics: dict[str, Any] = field(default_factory=dict)


def publish(
    session: Session,
    *,
    book_id: str,
    members: Sequence[NewMember],
    recipe: Mapping[str, Any],
    base_model: Mapping[str, Any],
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
    """Store the next version of a book, and put `latest` on it; with `promote`, `champion` too.

    `base_model` has the id, revision, hidden_size, quantization and dtype of the frozen LLM.
    `skill_id` is the skill that was in place while the members learned, `study_id` the study they learned
    from, `revision` the revision of the book they learned (by default the newest); see `Version` for the
    others. The caller decides whether a version that is worse than the champion is promoted; the history then
    says that it was forced. A worker finishes its job in the same transaction: if its token is stale, the
    version is rolled back. NotFoundError: no such book, parent, job or skill, or no such study of the book.
    ValueError: no members.
    """
    if not members:
        raise ValueError("A version has at least one member.")
    newest = books.lock(session, book_id)
    if parent is not None:
        get(session, book_id, parent)
    if job_id is not None and session.get(Job, job_id) is None:
        raise NotFoundError("job", job_id)
    if skill_id is not None and session.get(Skill, skill_id) is None:
        raise NotFoundError("skill", skill_id)
    if study_id is not None:
        study = session.get(Study, study_id)
        if study is None or study.book_id != book_id:
            raise NotFoundError("study", study_id)
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
    why = f"version {version.number} published"
    for alias in (aliases.LATEST, aliases.CHAMPION) if promote else (aliases.LATEST,):
        aliases.move(session, book_id, alias, version.number, who=who, why=why, force=True)
    return version


def get(session: Session, book_id: str, ref: int | str) -> Version:
    """Return a version by its number or by an alias on it. NotFoundError: there is none."""
    query = select(Version).where(Version.book_id == book_id)
    if isinstance(ref, int) or (ref.isascii() and ref.isdigit()):
        # No version is 0, and none has more digits than any INTEGER column can hold.
        query = query.where(Version.number == (int(ref) if len(str(ref)) < 10 else 0))
    else:
        query = query.join(Version.alias_rows).where(Alias.name == ref)
    version = session.scalar(query)
    if version is None:
        raise aliases.missing_version(session, book_id, ref)
    return version


def get_live(session: Session, book_id: str, ref: int | str) -> Version:
    """Return a version as `get` does. VersionPrunedError: it was pruned and has no soft prompts any more."""
    version = get(session, book_id, ref)
    if version.pruned_at is not None:
        raise VersionPrunedError(book_id, version.number)
    return version


def list_versions(
    session: Session,
    *,
    book_id: str | None = None,
    base_model: str | None = None,
    alias: str | None = None,
    state: VersionState | None = None,
    owner: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Version], bool]:
    """Return up to `limit` versions older than the version id `after`, newest first, and whether more follow.

    `book_id`, `base_model` (the LLM's id), `alias`, `state` and the books' `owner` narrow the list, where
    given. Of the members' metrics only `loss_before` and `loss_after` are loaded.
    NotFoundError: there is no version `after`.
    """
    query = select(Version).options(selectinload(Version.members).defer(Member.metrics, raiseload=True))
    if book_id is not None:
        query = query.where(Version.book_id == book_id)
    if base_model is not None:
        query = query.where(Version.base_model_id == base_model)
    if state is not None:
        query = query.where(Version.state == state)
    if owner is not None:
        query = query.where(Version.book_id.in_(select(Book.id).where(Book.owner == owner)))
    cursor = None if after is None else session.get(Version, after)
    if cursor is not None and owner is not None:
        books.get(session, cursor.book_id, owner)
    if after is not None and cursor is None:
        raise NotFoundError("version", after)
    if alias is None:
        return newest_first(session, query, Version, cursor, limit)
    query = query.join(Alias, Alias.version_id == Version.id).where(Alias.name == alias)
    by_publication = Alias.published_at, Alias.version_id
    return newest_first(session, query, Version, cursor, limit, sort_by=by_publication)


def numbers_by_revision(session: Session, book_id: str) -> dict[int, list[int]]:
    """Return the numbers of the versions that learned each revision of a book's text, by revision."""
    query = select(Version.revision, Version.number).where(Version.book_id == book_id)
    found: dict[int, list[int]] = {}
    for revision, number in session.execute(query.order_by(Version.number)):
        found.setdefault(revision, []).append(number)
    return found


def member_artifacts(session: Session, version: Version) -> list[bytes]:
    """Return the artifacts of a version, in the order of its members.

    DamagedArtifactError: one is not what was stored. To go on without a damaged member, read each one with
    `artifacts.get`.
    """
    return [artifacts.get(session, member.artifact_sha256) for member in version.members]


def mark_damaged(session: Session, version_id: str, ordinals: Collection[int]) -> None:
    """Mark these members, by their ordinals, as damaged; the time of the first such mark is kept.

    Those of a version that was pruned meanwhile are not marked: their bytes are gone on purpose.
    """
    whole = select(Version.id).where(Version.id == version_id, Version.pruned_at.is_(None))
    session.execute(
        update(Member)
        .where(Member.version_id.in_(whole), Member.ordinal.in_(ordinals), Member.damaged_at.is_(None))
        .values(damaged_at=utcnow())
    )
    session.execute(
        update(Version).where(Version.id == version_id, Version.state == "live").values(state="damaged")
    )
