"""Checkpoints: how far a running job has got, for the next attempt; at most one for each job."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from store import artifacts
from store.errors import DamagedArtifactError, NotFoundError
from store.tables import Checkpoint, utcnow


def put(session: Session, job_id: str, *, key: str, step: int, data: bytes) -> None:
    """Keep `data` as the checkpoint of a job after `step` steps, instead of the one before.

    `key`, of 64 characters, is the caller's hash of everything that the work depends on. Call it in the
    transaction of a `jobs.heartbeat`, which says whether the job is still held.
    """
    known = session.get(Checkpoint, job_id)
    before = None if known is None else known.artifact_sha256
    sha256 = artifacts.put(session, data)
    if known is None:
        session.add(Checkpoint(job_id=job_id, key=key, step=step, artifact_sha256=sha256))
    else:
        known.key, known.step, known.artifact_sha256, known.created_at = key, step, sha256, utcnow()
    session.flush()
    if before is not None:
        artifacts.delete_unused(session, [before])


def find(session: Session, job_id: str, key: str) -> bytes | None:
    """Return the checkpoint of a job that was put under `key`; one whose bytes are damaged counts as none."""
    known = session.get(Checkpoint, job_id)
    if known is None or known.key != key:
        return None
    try:
        return artifacts.get(session, known.artifact_sha256)
    except (DamagedArtifactError, NotFoundError):
        return None


def remove(session: Session, job_id: str) -> None:
    """Remove the checkpoint of a job, if it has one."""
    known = session.get(Checkpoint, job_id)
    if known is not None:
        session.execute(delete(Checkpoint).where(Checkpoint.job_id == job_id))
        session.expunge(known)
        artifacts.delete_unused(session, [known.artifact_sha256])
