"""Artifacts: bytes stored once under their own SHA-256, and checked each time they are read.

Where the database has a bucket, the bytes of large ones are there. They are written before the row that names
them is committed, and deleted after it let go of them: a crash leaves an object that nobody needs, never a
row without its bytes.
"""

from collections.abc import Iterable
from hashlib import sha256 as hash_of

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from store import outside
from store.errors import DamagedArtifactError, NotFoundError
from store.sweeping import sweep_after_commit, used, used_by
from store.tables import Artifact, Checkpoint, Member, Skill, Study, Version, utcnow


def put(session: Session, data: bytes) -> str:
    """Store `data` unless it is there already, and return its SHA-256 as 64 hexadecimal digits.

    BucketUnreachableError: it belongs into a bucket that cannot be written.
    """
    sha256 = hash_of(data).hexdigest()
    known = session.get(Artifact, sha256)
    if known is None:
        inside, place = outside.keep(session, sha256, data)
        session.add(Artifact(sha256=sha256, size=len(data), data=inside, bucket=place))
        session.flush()
    elif known.pruned_at is not None:
        known.data, known.bucket = outside.keep(session, sha256, data)
        known.pruned_at = None
        session.flush()
    return sha256


def get(session: Session, sha256: str) -> bytes:
    """Return the bytes stored under `sha256`.

    NotFoundError: there are none, or they were pruned. DamagedArtifactError: they have changed since, or are
    gone from their bucket. BucketUnreachableError: that cannot be read, or the database has another or none.
    """
    query = select(Artifact.data, Artifact.bucket)
    row = session.execute(query.where(Artifact.sha256 == sha256, Artifact.pruned_at.is_(None))).one_or_none()
    if row is None:
        raise NotFoundError("artifact", sha256)
    data = row.data if row.bucket is None else outside.read(outside.bucket_of(session), row.bucket, sha256)
    if hash_of(data).hexdigest() != sha256:
        raise DamagedArtifactError(sha256)
    return data


def prune(session: Session, hashes: Iterable[str]) -> None:
    """Remove the bytes of these artifacts and keep their hashes.

    An artifact that a skill, a study, a checkpoint or a version that is not pruned uses is left as it is.
    """
    members = select(Member).join(Version, Version.id == Member.version_id)
    live = members.where(Member.artifact_sha256 == Artifact.sha256, Version.pruned_at.is_(None)).exists()
    used = or_(live, *(used_by(table) for table in (Checkpoint, Skill, Study)))
    for sha256 in hashes:
        session.execute(
            update(Artifact)
            .where(Artifact.sha256 == sha256, Artifact.pruned_at.is_(None), ~used)
            .values(data=b"", pruned_at=utcnow())
        )
    sweep_after_commit(session)


def delete_unused(session: Session, hashes: Iterable[str]) -> None:
    """Delete those of these artifacts that no member, skill, study or checkpoint points at."""
    for sha256 in hashes:
        unused = Artifact.sha256 == sha256, ~used()
        session.execute(delete(Artifact).where(*unused, Artifact.bucket.is_(None)))
        # The row of what is outside stays until its object is deleted.
        session.execute(
            update(Artifact).where(*unused, Artifact.bucket.is_not(None)).values(pruned_at=utcnow())
        )
    sweep_after_commit(session)
