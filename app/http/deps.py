"""What routes depend on."""

from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from app.http.callers import Caller, caller_of
from app.http.problems import refuse_unkept
from app.service import Service


def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


ServiceDep = Annotated[Service, Depends(_service)]
CallerDep = Annotated[Caller, Depends(caller_of)]

# It decides nothing, `Access` has: it tells programs that read the description of the API about keys.
KEY = HTTPBearer(auto_error=False)


async def text_is_kept(request: Request) -> None:
    """Refuse a path or a query with text that cannot be kept; bodies are checked as they are read."""
    query = request.query_params
    refuse_unkept(path=request.path_params, query={name: query.getlist(name) for name in query})
