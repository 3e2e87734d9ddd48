"""Routes for API keys: the list of them, making one, revoking one."""

from datetime import timedelta

from fastapi import APIRouter

from app import schemas
from app.http.deps import ServiceDep
from store import keys
from store.tables import utcnow

router = APIRouter(prefix="/admin/keys", tags=["admin"])


@router.get("")
def list_keys(service: ServiceDep) -> schemas.KeyList:
    """List all keys, the oldest first, also those that are expired or revoked; none of their texts."""
    with service.database.read() as session:
        return schemas.KeyList(data=[schemas.Key.model_validate(key) for key in keys.list_keys(session)])


@router.post("", status_code=201)
def add_key(service: ServiceDep, wish: schemas.NewKey) -> schemas.MadeKey:
    """Make a key and show its text: this once, for only its SHA-256 is kept.

    From the first key on, every call needs one.
    """
    limits = keys.Limits(
        wish.requests_per_minute, wish.most_books, wish.most_bytes, wish.most_training_tokens
    )
    with service.database.write() as session:
        key, text = keys.add(
            session,
            name=wish.name,
            role=wish.role,
            owner=wish.owner,
            expires_at=None if wish.days is None else utcnow() + timedelta(days=wish.days),
            limits=limits,
        )
        return schemas.MadeKey(**schemas.Key.model_validate(key).model_dump(), text=text)


@router.delete("/{key_id}")
def revoke_key(service: ServiceDep, key_id: str) -> schemas.Key:
    """Revoke a key, for good and at once. It stays in the list."""
    with service.database.write() as session:
        return schemas.Key.model_validate(keys.revoke(session, key_id))
