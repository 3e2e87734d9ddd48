"""What routes depend on."""

import secrets
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.http.problems import Problem, refuse_unkept
from app.service import Service


def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


ServiceDep = Annotated[Service, Depends(_service)]


async def text_is_kept(request: Request) -> None:
    """Refuse a path or a query with text that cannot be kept; bodies are checked as they are read."""
    query = request.query_params
    refuse_unkept(path=request.path_params, query={name: query.getlist(name) for name in query})


_bearer = HTTPBearer(auto_error=False)


def _admin(
    service: ServiceDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> str:
    """The name of the caller. Without an admin key anybody may call, else who sends the key."""
    key = service.settings.admin_key
    if key is None:
        return "admin"
    if credentials is None:
        raise Problem(
            401,
            "admin-key-missing",
            "Send the admin key as 'Authorization: Bearer KEY'.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if not secrets.compare_digest(credentials.credentials.encode(), key.get_secret_value().encode()):
        raise Problem(403, "admin-key-wrong", "This is not the admin key.")
    return "admin"


AdminDep = Annotated[str, Depends(_admin)]
