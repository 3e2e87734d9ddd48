"""Published versions: immutable, numbered 1, 2, 3 within their book."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, selectinload

from store import aliases, artifacts
from store.errors import NotFoundError, VersionInUseError, VersionPrunedError
from store.pages import page
from store.tables import Alias, Book, Job, Member, Skill, Study, Version, VersionState, utcnow


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
    `revision` the one of the book's text, by default the newest; see `Version` for the others. The caller
    chooses whether a version that is worse than the champion is promoted; the history says it was forced.
    A worker finishes its job in the same transaction, so that a stale token takes the version back.
    NotFoundError: no such book, parent, job, skill or study of this book. ValueError: no members.
    """
    if not members:
        raise ValueError("A version has at least one member.")
    newest = _locked(session, book_id)
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
    for alias in ("latest", aliases.CHAMPION) if promote else ("latest",):
        aliases.move(session, book_id, alias, version.number, who=who, why=why, force=True)
    return version


def get(session: Session, book_id: str, ref: int | str) -> Version:
    """Return a version by its number or by the name of an alias on it. NotFoundError: there is none."""
    query = select(Version).where(Version.book_id == book_id)
    if isinstance(ref, int) or (ref.isascii() and ref.isdigit()):
        # No version is 0, and none has more digits than any INTEGER column can hold.
        query = query.where(Version.number == (int(ref) if len(str(ref)) < 10 else 0))
    else:
        query = query.join(Version.alias_rows).where(Alias.name == ref)
    version = session.scalar(query)
    if version is None:
        raise NotFoundError("version", f"{book_id}@{ref}")
    return version


def live(session: Session, book_id: str, ref: int | str) -> Version:
    """Return a version as `get` does. VersionPrunedError: it has no soft prompts any more."""
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
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Version], bool]:
    """Return up to `limit` versions older than the version id `after`, newest first, and whether more follow.

    `base_model` is the LLM's id; `alias` keeps the versions that carry the name, `state` those in it.
    The members' metrics are left in the database, but for `loss_before` and `loss_after`.
    NotFoundError: there is no version `after`.
    """
    query = select(Version).options(selectinload(Version.members).defer(Member.metrics, raiseload=True))
    if book_id is not None:
        query = query.where(Version.book_id == book_id)
    if base_model is not None:
        query = query.where(Version.base_model_id == base_model)
    if state is not None:
        query = query.where(Version.state == state)
    cursor = None if after is None else session.get(Version, after)
    if after is not None and cursor is None:
        raise NotFoundError("version", after)
    if alias is None:
        return page(session, query, Version, cursor, limit)
    query = query.join(Alias, Alias.version_id == Version.id).where(Alias.name == alias)
    return page(session, query, Version, cursor, limit, by=(Alias.published_at, Alias.version_id))


def by_revision(session: Session, book_id: str) -> dict[int, list[int]]:
    """Return the numbers of the versions that learned each revision of a book's text, by revision."""
    query = select(Version.revision, Version.number).where(Version.book_id == book_id)
    found: dict[int, list[int]] = {}
    for revision, number in session.execute(query.order_by(Version.number)):
        found.setdefault(revision, []).append(number)
    return found


def members(session: Session, version: Version) -> list[bytes]:
    """Return the artifacts of a version in member order. DamagedArtifactError: one is not what was stored.

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
    session.execute(
        update(Version).where(Version.id == version_id, Version.state == "live").values(state="damaged")
    )


def prune(session: Session, book_id: str, *, keep: int) -> list[int]:
    """Prune all versions of a book but the last `keep` that are live and those in use; return their numbers.

    A version is in use by each alias on it, and by a job that waits or runs and goes on from it. What is
    pruned lets go of its artifacts, unless another live version, a skill or a study holds the same bytes. Its
    record stays, and its number is never given again. NotFoundError: no such book. ValueError: `keep` is
    negative.
    """
    if keep < 0:
        raise ValueError(f"The last {keep} versions cannot be kept.")
    _locked(session, book_id)
    used = _users(session, book_id)
    of_book = select(Version).where(Version.book_id == book_id, Version.pruned_at.is_(None))
    older = list(session.scalars(of_book.order_by(Version.number.desc()).offset(keep)))
    chosen = [version for version in reversed(older) if version.number not in used]
    _let_go(session, chosen)
    return [version.number for version in chosen]


def prune_one(session: Session, book_id: str, number: int) -> Version:
    """Prune one version, and return it; one that was pruned before is returned as it is.

    NotFoundError: no such book or version. VersionInUseError: an alias is on it, or a job goes on from it.
    """
    _locked(session, book_id)
    version = get(session, book_id, number)
    users = _users(session, book_id).get(number)
    if users:
        raise VersionInUseError(number, users)
    if version.pruned_at is None:
        _let_go(session, [version])
    return version


def _let_go(session: Session, chosen: Sequence[Version]) -> None:
    now = utcnow()
    for version in chosen:
        version.state, version.pruned_at = "pruned", now
    session.flush()
    artifacts.prune(session, {member.artifact_sha256 for version in chosen for member in version.members})


def _users(session: Session, book_id: str) -> dict[int, list[str]]:
    """What needs a version of a book, in words, by the version's number."""
    on = select(Alias.number, Alias.name).where(Alias.book_id == book_id).order_by(Alias.name)
    waiting = Job.status.in_(("queued", "running"))
    going_on = select(Job.parent_number, Job.id).where(Job.book_id == book_id, waiting)
    users: dict[int, list[str]] = {}
    for number, name in session.execute(on):
        users.setdefault(number, []).append(f"the alias {name}")
    for parent, job in session.execute(going_on):
        if parent is not None:
            users.setdefault(parent, []).append(f"the job {job}, which goes on from it")
    return users


def _locked(session: Session, book_id: str) -> int:
    """A book's newest revision, its row locked where the database has such locks: changes take turns."""
    newest = session.scalar(select(Book.revision).where(Book.id == book_id).with_for_update())
    if newest is None:
        raise NotFoundError("book", book_id)
    return newest
