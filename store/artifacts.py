"""Bytes under their own SHA-256: stored once, checked at every reading."""

from hashlib import sha256 as hash_of

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.errors import DamagedArtifact, NotFound
from store.tables import Artifact


def put(session: Session, data: bytes) -> str:
    """Store `data` unless it is there already, and return its SHA-256 as 64 hexadecimal digits."""
    sha256 = hash_of(data).hexdigest()
    if session.get(Artifact, sha256) is None:
        session.add(Artifact(sha256=sha256, size=len(data), data=data))
        session.flush()
    return sha256


def get(session: Session, sha256: str) -> bytes:
    """Return the bytes stored under `sha256`.

    NotFound: there are none. DamagedArtifact: they have changed since.
    """
    data = session.scalar(select(Artifact.data).where(Artifact.sha256 == sha256))
    if data is None:
        raise NotFound("artifact", sha256)
    if hash_of(data).hexdigest() != sha256:
        raise DamagedArtifact(sha256)
    return data
