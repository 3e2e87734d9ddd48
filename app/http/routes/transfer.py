"""Routes that export and import versions, and inspect their members."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from app import schemas
from app.http.deps import CallerDep, ServiceDep
from app.http.routes.versions import shown
from app.service.service import Service
from app.transfer.import_files import MOST_IMPORT_BYTES
from store import versions

router = APIRouter(prefix="/admin/books/{book_id}/versions", tags=["admin"])

_ZIP = "application/zip"
_ARCHIVE = {"type": "string", "format": "binary", "description": "a zip archive"}


@router.get("/{ref}/export", response_class=StreamingResponse, responses={200: {"content": {_ZIP: {}}}})
def export_version(service: ServiceDep, book_id: str, ref: str) -> StreamingResponse:
    """Send a version as a zip archive: for each member folders that PEFT loads, with a model card, and
    `version.json`, from which it can be imported again.
    """
    name, archive = service.desk.export(book_id, ref)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(archive, media_type=_ZIP, headers=headers)


@router.post(
    "/import",
    status_code=201,
    max_body_size=MOST_IMPORT_BYTES,
    openapi_extra={"requestBody": {"required": True, "content": {_ZIP: {"schema": _ARCHIVE}}}},
)
async def import_version(
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    book_id: str,
    promote: bool = False,
    force: Annotated[bool, Query(description="take what was learned on an LLM of another name")] = False,
) -> schemas.PromptVersion:
    """Make an export, or adapters that PEFT trained, the next version of a book.

    It becomes `latest`, and `champion` with `promote` or where the book has none.
    """
    data = await request.body()
    return await run_in_threadpool(
        _imported, service, book_id, data, promote=promote, force=force, who=caller.name
    )


@router.get("/{ref}/inspect")
def inspect_version(service: ServiceDep, book_id: str, ref: str) -> schemas.Inspection:
    """Inspect the members of a version: the words nearest to them, their norms, how alike they are, and how
    far they moved in learning.
    """
    return schemas.Inspection.model_validate(asdict(service.desk.inspect(book_id, ref)))


def _imported(
    service: Service, book_id: str, data: bytes, *, promote: bool, force: bool, who: str
) -> schemas.PromptVersion:
    number = service.desk.take_in(book_id, data, promote=promote, force=force, who=who)
    with service.database.read() as session:
        [shape] = shown(service, session, [versions.get(session, book_id, number)])
        return shape
