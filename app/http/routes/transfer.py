"""Routes that take versions elsewhere and back, and look at what their members are like."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from app import schemas
from app.http.deps import AdminDep, ServiceDep
from app.http.problems import Problem
from app.http.routes.admin import shown
from app.service import Service
from app.transfer.exporting import gather
from app.transfer.importing import MOST_BYTES, publish, read, wanted
from app.transfer.inspection import inspect, origin
from app.transfer.zip_archive import packed, unpacked
from store import books, versions

router = APIRouter(prefix="/admin/books/{book_id}/versions", tags=["admin"])

# The end of the path of a body that may be larger than a book.
IMPORT = "/versions/import"
_ZIP = "application/zip"
_ARCHIVE = {"type": "string", "format": "binary", "description": "a zip archive"}


@router.get("/{ref}/export", response_class=StreamingResponse, responses={200: {"content": {_ZIP: {}}}})
def export_version(service: ServiceDep, _: AdminDep, book_id: str, ref: str) -> StreamingResponse:
    """Send a version as a zip archive: for each member folders that PEFT loads, with a model card, and
    `version.json`, from which it can be imported again.
    """
    with service.database.read() as session:
        version = versions.get_live(session, book_id, ref)
        [told] = shown(service, session, [version])
        export = gather(session, version, told, fits=service.choruses.fits(version))
    headers = {"Content-Disposition": f'attachment; filename="{export.name}"'}
    return StreamingResponse(packed(export.files(service.engine)), media_type=_ZIP, headers=headers)


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
    """Make an export, or a folder of PEFT's prompt-tuning adapters, the next version of a book.

    It becomes `latest`, and `champion` with `promote` or where the book has none.
    """
    data = await _body(request)
    return await run_in_threadpool(_imported, service, book_id, data, promote=promote, force=force, who=who)


@router.get("/{ref}/inspect")
def inspect_version(service: ServiceDep, _: AdminDep, book_id: str, ref: str) -> schemas.Inspection:
    """Look at the members of a version: the words they are near to, their norms, how alike they are, and how
    far they moved.
    """
    llm = service.engine.llm
    with service.database.read() as session:
        version = versions.get_live(session, book_id, ref)
        title = books.get(session, book_id).title
        began = origin(session, version)
    chorus = service.choruses.of(version)
    if chorus is None:
        detail = f"Version {version.number} was learned on another LLM, {version.base_model_id}."
        raise Problem(409, "version-of-other-model", detail)
    members = {
        voice.member: voice.learned
        for voice in chorus.voices
        if voice.member is not None and voice.learned is not None
    }
    return service.engine.first(lambda: inspect(llm, version, title, members, began)).result()


def _imported(
    service: Service, book_id: str, data: bytes, *, promote: bool, force: bool, who: str
) -> schemas.PromptVersion:
    llm = service.engine.llm
    with service.database.read() as session:
        books.get(session, book_id)
    found = read(unpacked(data, wanted, most_bytes=MOST_BYTES), llm, force=force)
    with service.database.write() as session:
        version = publish(session, book_id, found, llm, promote=promote, who=who)
        [told] = shown(service, session, [version])
        return told


async def _body(request: Request) -> bytes:
    """The whole body. Raises Problem archive-too-large as soon as it is known to be one."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BYTES:
            detail = f"An archive may have {MOST_BYTES:,} bytes; this one has more."
            raise Problem(413, "archive-too-large", detail, limit_bytes=MOST_BYTES)
    return bytes(data)
