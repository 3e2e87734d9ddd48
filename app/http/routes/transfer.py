"""Routes that export and import versions, and inspect their members."""

import re
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from app import schemas
from app.http.deps import AdminDep, ServiceDep
from app.http.problems import Problem
from app.http.routes.versions import shown
from app.inspection import inspect
from app.service import Service
from app.transfer.exporting import export
from app.transfer.import_files import MOST_IMPORT_BYTES, MOST_IMPORT_FILES, is_read
from app.transfer.importing import parse_import, publish_imported
from app.transfer.zip_archive import packed, unpacked
from store import books, versions

router = APIRouter(prefix="/admin/books/{book_id}/versions", tags=["admin"])

# The path of a body that may be larger than a book.
IMPORT = re.compile(r"/admin/books/[^/]+/versions/import")
_ZIP = "application/zip"
_ARCHIVE = {"type": "string", "format": "binary", "description": "a zip archive"}


@router.get("/{ref}/export", response_class=StreamingResponse, responses={200: {"content": {_ZIP: {}}}})
def export_version(service: ServiceDep, _: AdminDep, book_id: str, ref: str) -> StreamingResponse:
    """Send a version as a zip archive: for each member folders that PEFT loads, with a model card, and
    `version.json`, from which it can be imported again.
    """
    with service.database.read() as session:
        found = export(session, versions.get_live(session, book_id, ref), service.members)
    headers = {"Content-Disposition": f'attachment; filename="{found.name}"'}
    return StreamingResponse(packed(found.files(service.scheduler)), media_type=_ZIP, headers=headers)


@router.post(
    "/import",
    status_code=201,
    openapi_extra={"requestBody": {"required": True, "content": {_ZIP: {"schema": _ARCHIVE}}}},
)
async def import_version(
    request: Request,
    service: ServiceDep,
    who: AdminDep,
    book_id: str,
    promote: bool = False,
    force: Annotated[bool, Query(description="take what was learned on an LLM of another name")] = False,
) -> schemas.PromptVersion:
    """Make an export, or adapters that PEFT trained, the next version of a book.

    It becomes `latest`, and `champion` with `promote` or where the book has none.
    """
    data = await _body(request)
    return await run_in_threadpool(_imported, service, book_id, data, promote=promote, force=force, who=who)


@router.get("/{ref}/inspect")
def inspect_version(service: ServiceDep, _: AdminDep, book_id: str, ref: str) -> schemas.Inspection:
    """Inspect the members of a version: the words nearest to them, their norms, how alike they are, and how
    far they moved in learning.
    """
    found = inspect(service.database, service.members, service.scheduler, book_id, ref)
    return schemas.Inspection.model_validate(asdict(found))


def _imported(
    service: Service, book_id: str, data: bytes, *, promote: bool, force: bool, who: str
) -> schemas.PromptVersion:
    llm = service.scheduler.llm
    with service.database.read() as session:
        books.get(session, book_id)
    files = unpacked(data, is_read, most_entries=MOST_IMPORT_FILES, most_bytes=MOST_IMPORT_BYTES)
    found = parse_import(files, llm, force=force)
    with service.database.write() as session:
        version = publish_imported(session, book_id, found, llm, promote=promote, who=who)
        [shape] = shown(service, session, [version])
        return shape


async def _body(request: Request) -> bytes:
    """The whole body. Raises Problem archive-too-large as soon as it is too large."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_IMPORT_BYTES:
            detail = f"An archive may have {MOST_IMPORT_BYTES:,} bytes; this one has more."
            raise Problem(413, "archive-too-large", detail, limit_bytes=MOST_IMPORT_BYTES)
    return bytes(data)
