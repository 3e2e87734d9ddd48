"""The route that shows the audit log."""

from typing import Annotated

from fastapi import APIRouter, Query

from app import schemas
from app.http.deps import ServiceDep
from app.http.paging import PAGE, Limit
from store import audit

router = APIRouter(prefix="/admin", tags=["admin"])


@router.get("/audit")
def list_audit(
    service: ServiceDep,
    who: str | None = None,
    key: str | None = None,
    after: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
    limit: Limit = PAGE,
) -> schemas.Page[schemas.AuditLine]:
    """List who did what, newest first: all, or what one of this name or with the key of this id did."""
    with service.database.read() as session:
        rows, has_more = audit.list_lines(session, who=who, key=key, after=after, limit=limit)
        return schemas.Page(data=[schemas.AuditLine.model_validate(row) for row in rows], has_more=has_more)
