"""Routes that export and import versions, and inspect their members."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from app import schemas
from app.engine.scheduler import Scheduler
from app.http.deps import CallerDep, ServiceDep
from app.http.problems import Problem
from app.http.routes.versions import shown
from app.inspection import inspect
from app.service.service import Service
from app.transfer.exporting import export
from app.transfer.import_files import MOST_IMPORT_BYTES, MOST_IMPORT_FILES, is_read
from app.transfer.importing import parse_import, publish_imported
from app.transfer.zip_archive import packed, unpacked
from store import books, outside, versions

router = APIRouter(prefix="/admin/books/{book_id}/versions", tags=["admin"])

_ZIP = "application/zip"
_ARCHIVE = {"type": "string", "format": "binary", "description": "a zip archive"}


@router.get("/{ref}/export", response_class=StreamingResponse, responses={200: {"content": {_ZIP: {}}}})
def export_version(service: ServiceDep, book_id: str, ref: str) -> StreamingResponse:
    """Send a version as a zip archive: for each member folders that PEFT loads, with a model card, and
    `version.json`, from which it can be imported again.
    """
    with service.database.read() as session:
        found = export(session, versions.get_live(session, book_id, ref), service.members)
    headers = {"Content-Disposition": f'attachment; filename="{found.name}"'}
    return StreamingResponse(packed(found.files(_weights(service))), media_type=_ZIP, headers=headers)


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
    found = inspect(service.database, service.members, _weights(service), book_id, ref)
    return schemas.Inspection.model_validate(asdict(found))


def _weights(service: Service) -> Scheduler:
    """What runs the LLM of this process. Problem weights-elsewhere: it has none but a cluster's."""
    if service.scheduler.llm.device.type == "meta":
        raise Problem(
            501,
            "weights-elsewhere",
            "The LLM works in other processes, and this needs its weights here: start "
            "'bookchorus serve' without --cluster on the same database, and ask that.",
        )
    return service.scheduler


def _imported(
    service: Service, book_id: str, data: bytes, *, promote: bool, force: bool, who: str
) -> schemas.PromptVersion:
    scheduler = _weights(service)
    with service.database.read() as session:
        books.get(session, book_id)
    files = unpacked(data, is_read, most_entries=MOST_IMPORT_FILES, most_bytes=MOST_IMPORT_BYTES)
    found = parse_import(files, scheduler, force=force)
    outside.send(service.database, [member.artifact for member in found.members])
    with service.database.write() as session:
        version = publish_imported(session, book_id, found, scheduler.llm, promote=promote, who=who)
        [shape] = shown(service, session, [version])
        return shape
