"""Who calls: known by an API key of the store or by the settings' own, or anybody while there is no key."""

import secrets
from dataclasses import dataclass
from typing import Any, cast

from fastapi import Request
from starlette.types import Scope

from app.http.problems import Problem
from app.settings import Settings
from store import keys
from store.books import LOCAL
from store.database import Database
from store.tables import ApiKey, Role, utcnow


@dataclass(frozen=True)
class Caller:
    """Who calls, as the history of aliases and the audit log name them.

    What they add belongs to `owner`. `key` is the id of their key, None for that of the settings and where
    there is no key; it `counts_tokens` where it limits what its jobs may read.
    """

    name: str
    role: Role
    owner: str = LOCAL
    key: str | None = None
    requests_per_minute: int | None = None
    counts_tokens: bool = False

    @property
    def sees(self) -> str | None:
        """The owner whose books they see; None for all books."""
        return None if self.role == "admin" else self.owner


# Anybody on this machine, while there is no key.
ANYBODY = Caller("local", "admin")
# Who reads what needs no key, where others need one.
NOBODY = Caller("nobody", "reader")


class Callers:
    """Tells who calls from what the header `Authorization` says."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._admin_key = settings.admin_key
        self._database = database
        # Once there was a key there always is: keys are revoked, never deleted.
        self._guarded = settings.admin_key is not None

    def guarded(self) -> bool:
        """Whether a key is needed. StoreError: the database does not say."""
        if not self._guarded:
            with self._database.read() as session:
                self._guarded = keys.any_made(session)
        return self._guarded

    def caller(self, authorization: str | None) -> Caller:
        """Who sends this header. Raises Problem 401 where it has no key that is in force."""
        scheme, _, given = (authorization or "").partition(" ")
        given = given.strip()
        if scheme.lower() != "bearer" or not given:
            raise _unknown("key-missing", "Send a key as 'Authorization: Bearer KEY'.", "")
        if self._admin_key is not None and secrets.compare_digest(
            given.encode(), self._admin_key.get_secret_value().encode()
        ):
            return Caller("admin", "admin")
        with self._database.read() as session:
            key = keys.find(session, given)
        if key is None:
            raise _unknown("key-wrong", "There is no such key.")
        if key.revoked_at is not None:
            raise _unknown("key-revoked", "This key was revoked: ask for another.")
        if key.expires_at is not None and key.expires_at <= utcnow():
            raise _unknown("key-expired", "This key has expired: ask for another.")
        return _caller_of(key)


def caller_of(request: Request) -> Caller:
    """Who makes a request that `Access` has let through."""
    state = cast(dict[str, Any], request.scope["state"])
    return cast(Caller, state["caller"])


def let_in(scope: Scope, caller: Caller) -> None:
    """Note in a request's scope who makes it: then it is let in, and is asked for no key any more."""
    scope.setdefault("state", {})["caller"] = caller


def let_in_before(scope: Scope) -> Caller | None:
    """Who makes a call within this process; None for a request from outside, which cannot say so."""
    return cast("Caller | None", scope.get("state", {}).get("caller"))


def _caller_of(key: ApiKey) -> Caller:
    return Caller(
        key.name, key.role, key.owner, key.id, key.requests_per_minute, key.most_training_tokens is not None
    )


def _unknown(slug: str, detail: str, error: str = ', error="invalid_token"') -> Problem:
    """401, in the words of RFC 6750."""
    return Problem(401, slug, detail, {"WWW-Authenticate": f'Bearer realm="bookchorus"{error}'})
