"""Artifacts: bytes stored once under their own SHA-256, and checked each time they are read."""

from collections.abc import Iterable
from hashlib import sha256 as hash_of

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from store.errors import DamagedArtifactError, NotFoundError
from store.tables import Artifact, Checkpoint, Member, Skill, Study, Version, utcnow


def put(session: Session, data: bytes) -> str:
    """Store `data` unless it is there already, and return its SHA-256 as 64 hexadecimal digits."""
    sha256 = hash_of(data).hexdigest()
    known = session.get(Artifact, sha256)
    if known is None:
        session.add(Artifact(sha256=sha256, size=len(data), data=data))
        session.flush()
    elif known.pruned_at is not None:
        known.data, known.pruned_at = data, None
        session.flush()
    return sha256


def get(session: Session, sha256: str) -> bytes:
    """Return the bytes stored under `sha256`.

    NotFoundError: there are none, or they were pruned. DamagedArtifactError: they have changed since.
    """
    query = select(Artifact.data).where(Artifact.sha256 == sha256, Artifact.pruned_at.is_(None))
    data = session.scalar(query)
    if data is None:
        raise NotFoundError("artifact", sha256)
    if hash_of(data).hexdigest() != sha256:
        raise DamagedArtifactError(sha256)
    return data


def prune(session: Session, hashes: Iterable[str]) -> None:
    """Remove the bytes of these artifacts and keep their hashes.

    An artifact that a skill, a study, a checkpoint or a version that is not pruned uses is left as it is.
    """
    members = select(Member).join(Version, Version.id == Member.version_id)
    live = members.where(Member.artifact_sha256 == Artifact.sha256, Version.pruned_at.is_(None)).exists()
    used = or_(live, *(_used_by(table) for table in (Checkpoint, Skill, Study)))
    for sha256 in hashes:
        session.execute(
            update(Artifact)
            .where(Artifact.sha256 == sha256, Artifact.pruned_at.is_(None), ~used)
            .values(data=b"", pruned_at=utcnow())
        )


def delete_unused(session: Session, hashes: Iterable[str]) -> None:
    """Delete those of these artifacts that no member, skill, study or checkpoint points at."""
    used = or_(*(_used_by(table) for table in (Checkpoint, Member, Skill, Study)))
    for sha256 in hashes:
        session.execute(delete(Artifact).where(Artifact.sha256 == sha256, ~used))


def _used_by(table: type[Checkpoint] | type[Member] | type[Skill] | type[Study]) -> ColumnElement[bool]:
    return exists().where(table.artifact_sha256 == Artifact.sha256)
