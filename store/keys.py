"""API keys: made once, kept as hashes, listed, revoked."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.errors import NotFoundError, QuotaReachedError
from store.tables import ApiKey, Book, Revision, Role, utcnow

# 256 bits.
_SECRET_BYTES = 32
# What a text that names no key is compared with, so that it takes as long as one that does.
_NO_KEY = "0" * 64


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key may use; None is without limit. See `ApiKey`."""

    requests_per_minute: int | None = None
    most_books: int | None = None
    most_bytes: int | None = None
    most_training_tokens: int | None = None


def add(
    session: Session,
    *,
    name: str,
    role: Role,
    owner: str,
    expires_at: datetime | None = None,
    limits: Limits = Limits(),
) -> tuple[ApiKey, str]:
    """Make a key with 256 random bits; return its row and its text, which is kept nowhere.

    The text begins with the key's id and a dot, by which `find` knows the row.
    """
    key = ApiKey(
        name=name,
        role=role,
        owner=owner,
        sha256=_NO_KEY,
        expires_at=expires_at,
        requests_per_minute=limits.requests_per_minute,
        most_books=limits.most_books,
        most_bytes=limits.most_bytes,
        most_training_tokens=limits.most_training_tokens,
    )
    session.add(key)
    session.flush()
    text = f"{key.id}.{secrets.token_urlsafe(_SECRET_BYTES)}"
    key.sha256 = _digest(text)
    session.flush()
    return key, text


def find(session: Session, text: str) -> ApiKey | None:
    """Return the key of this text, also one that is expired or revoked; None if there is none.

    The hashes are compared in constant time.
    """
    # What is no key_ and hexadecimal digits may not even be text that a database takes.
    named = text.partition(".")[0]
    key = session.get(ApiKey, named) if named.isascii() and named.isprintable() else None
    same = hmac.compare_digest(_NO_KEY if key is None else key.sha256, _digest(text))
    return key if same else None


def any_made(session: Session) -> bool:
    """Whether a key was ever made, be it expired or revoked by now."""
    return session.scalar(select(ApiKey.id).limit(1)) is not None


def list_keys(session: Session) -> Sequence[ApiKey]:
    """Return all keys, the oldest first, those that are revoked too."""
    return session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)).all()


def revoke(session: Session, key_id: str) -> ApiKey:
    """Revoke a key for good; one that is revoked stays as it is. NotFoundError: there is no such key."""
    key = session.get(ApiKey, key_id, with_for_update=True)
    if key is None:
        raise NotFoundError("key", key_id)
    key.revoked_at = key.revoked_at or utcnow()
    session.flush()
    return key


def charge(session: Session, key_id: str | None, *, training_tokens: int = 0) -> None:
    """Count what was added with a key, in the transaction that added it; None is no key, without limits.

    Its owner's library, as it is now, is compared with its limits. QuotaReachedError: it is too much.
    """
    key = None if key_id is None else session.get(ApiKey, key_id, with_for_update=True)
    if key is None:
        return
    session.flush()
    owned = Book.owner == key.owner
    if key.most_books is not None:
        count = session.scalar(select(func.count()).select_from(Book).where(owned)) or 0
        _expect("books", key.most_books, count)
    if key.most_bytes is not None:
        texts = select(func.sum(Revision.bytes)).join(Book, Book.id == Revision.book_id)
        _expect("bytes", key.most_bytes, int(session.scalar(texts.where(owned)) or 0))
    if key.most_training_tokens is not None:
        _expect("training tokens", key.most_training_tokens, key.training_tokens + training_tokens)
        key.training_tokens += training_tokens


def _expect(quota: str, limit: int, wanted: int) -> None:
    if wanted > limit:
        raise QuotaReachedError(quota, limit, wanted)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
