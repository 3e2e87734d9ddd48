"""Checks of the address: whether it is free, and whether a key guards it from other machines."""

import httpx
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from app.doctor.check import Check, first_line
from app.doctor.library import existing
from app.errors import CommandError
from app.resources.start_checks import AddressError, check_address, check_guarded
from app.schemas import Readiness
from app.settings import Settings, is_loopback
from store import keys
from store.errors import StoreError

# Addresses of every machine, at which this one answers itself.
_ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
_SECONDS = 5


def port(settings: Settings) -> Check:
    """Whether the port is free, or a Bookchorus answers there."""
    try:
        check_address(settings.host, settings.port)
    except AddressError as error:
        ready = _bookchorus(settings)
        if ready is not None:
            said = "is ready" if ready.ready else f"is not ready: {ready.detail}"
            return Check("port", "ok", f"A Bookchorus answers at {settings.host}:{settings.port}, and {said}")
        return Check("port", "fault", error.seen, error.mend)
    where = "any that is free" if settings.port == 0 else f"{settings.host}:{settings.port} is free"
    return Check("port", "ok", where)


def access(settings: Settings) -> Check:
    """Whether other machines reach the service without a key."""
    try:
        check_guarded(settings, _keys_made)
    except CommandError as error:
        return Check("access", "fault", str(error))
    except (StoreError, SQLAlchemyError) as error:
        seen = f"Whether there is a key is not known: {first_line(error)}"
        return Check("access", "warning", seen, "Mend the database first.")
    who = "reached from this machine alone" if is_loopback(settings.host) else "guarded by a key"
    return Check("access", "ok", f"{settings.host}, {who}")


def _keys_made(settings: Settings) -> bool:
    with existing(settings) as database:
        if database is None:
            return False
        database.expect_current()
        with database.read() as session:
            return keys.any_made(session)


def _bookchorus(settings: Settings) -> Readiness | None:
    """What a Bookchorus at this address says of itself; None where something else is there."""
    host = _ANY.get(settings.host, settings.host)
    try:
        answer = httpx.get(f"http://{host}:{settings.port}/readyz", timeout=_SECONDS, trust_env=False)
        return Readiness.model_validate_json(answer.content)
    except (httpx.HTTPError, httpx.InvalidURL, ValidationError):
        return None
