"""Routes for a book's revisions: a new edition of its text, the list of all, and each text."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from app import schemas
from app.http.callers import Caller
from app.http.deps import CallerDep, ServiceDep
from app.http.routes.books import BODY, KNOWN, Kept, known, learning, tokens_to_read
from app.http.serializers import records
from app.http.upload import Upload, read_upload
from app.http.upload_room import UploadRoomDep
from app.service.service import Service
from store import keys, revisions, versions

router = APIRouter(prefix="/books/{book_id}", tags=["books"])


@router.post("/revisions", status_code=202, openapi_extra=BODY, responses=KNOWN)
async def revise_book(
    request: Request,
    response: Response,
    service: ServiceDep,
    caller: CallerDep,
    room: UploadRoomDep,
    book_id: str,
    wait: Annotated[float, Query(ge=0, le=3600)] = 0,
) -> schemas.AddedBook:
    """Give a book a new text and learn it. Sending the text that it has already learns nothing (200).

    Title, author, language and tags stay unless they are given. Without a recipe the champion's members go on
    learning, where they can on this LLM; else, and with a recipe, new ones learn from scratch.
    """
    upload = await read_upload(request, service.parser, room)
    revised = await room.run(partial(_revise, service, caller, book_id, upload))
    return await learning(service, response, revised, wait)


@router.get("/revisions")
def list_revisions(service: ServiceDep, book_id: str) -> schemas.Page[schemas.Revision]:
    """List the texts that a book has had, newest first, all on one page."""
    with service.database.read() as session:
        rows = revisions.list_revisions(session, book_id)
        learned = versions.numbers_by_revision(session, book_id)
        shown = [records.revision(row, learned.get(row.number, [])) for row in rows]
    return schemas.Page(data=shown, has_more=False)


@router.get("/text", response_class=PlainTextResponse)
def show_text(
    service: ServiceDep, book_id: str, revision: Annotated[int | None, Query(ge=1, lt=2**31)] = None
) -> PlainTextResponse:
    """Show a book's text, the newest or that of a revision; citations count its characters."""
    with service.database.read() as session:
        return PlainTextResponse(revisions.text(session, book_id, revision))


def _revise(service: Service, caller: Caller, book_id: str, upload: Upload) -> Kept:
    """Store the text with its job in one transaction, so that there is never one without the other."""
    if upload.recipe is None:
        recipe, parent = service.training.from_champion(book_id)
    else:
        recipe, parent = service.training.recipe(upload.recipe), None
    edition = upload.edition(service.engine.token_counter(), service.settings.max_book_passages)
    tokens = tokens_to_read(service, caller, recipe, upload.parsed.text)
    with service.database.write() as session:
        book, changed = revisions.add(session, book_id, edition, **upload.named)
        if not changed:
            return known(session, book, upload.named)
        job = service.training.queue(session, book_id, recipe, parent)
        keys.charge(session, caller.key, training_tokens=tokens)
        return Kept(book_id, job.id, True)
