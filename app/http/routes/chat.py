"""The books as chat models, in OpenAI's shapes, for the clients people already have.

https://platform.openai.com/docs/api-reference/chat/create
"""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.sse import format_sse_event

from app import schemas, which_book
from app.answering.follow_ups import spoken_of
from app.answering.types import Question, Scope
from app.http.deps import CallerDep, ServiceDep
from app.http.disconnect import Waiting, WaitingDep, to_the_end
from app.http.problems import Problem, openai_error
from app.http.serializers import answers, chat
from app.http.serializers.records import unix
from app.schemas.chat import ChatRequest
from app.service.service import Service
from store import books, versions
from store.tables import Book

router = APIRouter(prefix="/v1", tags=["chat"])

LIBRARY = "library"
_ALL = "All books"
_PAGE = 200


@router.get("/models")
def models(service: ServiceDep, caller: CallerDep) -> JSONResponse:
    """List what can be asked: the library, every book, and every book at each of its aliases."""
    shown = [_model(LIBRARY, 0, _ALL)]
    with service.database.read() as session:
        after, more = None, True
        while more:
            rows, more = books.list_books(session, after, _PAGE, owner=caller.sees)
            for row in rows:
                for alias in (None, *sorted(row.aliases)):
                    shown.append(_book_model(row, alias))
                after = row.id
    return JSONResponse({"object": "list", "data": shown})


@router.get("/models/{model_id}")
def model(service: ServiceDep, caller: CallerDep, model_id: str) -> JSONResponse:
    """Show one of them; a book may be named at any of its versions."""
    if model_id == LIBRARY:
        return JSONResponse(_model(LIBRARY, 0, _ALL))
    book, at, version = model_id.partition("@")
    with service.database.read() as session:
        row = books.get(session, book, caller.sees)
        if at:
            versions.get_live(session, book, version)
        return JSONResponse(_book_model(row, version if at else None))


@router.post("/chat/completions")
async def complete(
    service: ServiceDep, caller: CallerDep, request: ChatRequest, waiting: WaitingDep
) -> Response:
    """Answer the last question of a chat; earlier turns help to find its passages.

    Beside OpenAI's fields, `bookchorus` holds the whole answer with its votes and citations.
    """
    events = await waiting.result(lambda: _events(service, request, caller.sees, waiting))
    if request.stream:
        chunks = to_the_end(_chunks(service, request, events), lambda problem: _sse(openai_error(problem)))
        ended = [format_sse_event(data_str="[DONE]")]
        return StreamingResponse(waiting.follow(chain(chunks, ended)), media_type="text/event-stream")
    *_, answer = await waiting.result(lambda: list(events))
    assert isinstance(answer, schemas.Answer)
    reply = chat.reply(answer, request, service.engine.count_tokens)
    return JSONResponse(reply.completion(bookchorus=answer.model_dump(mode="json")))


def _events(
    service: Service, request: ChatRequest, owner: str | None, waiting: Waiting
) -> Iterator[schemas.AskEvent]:
    asked = [number for number, message in enumerate(request.messages) if message.role == "user"]
    if not asked:
        raise Problem(422, "question-missing", "The chat has no turn of the user: there is no question.")
    if request.model != LIBRARY and (request.authors or request.tags):
        detail = f"Authors and tags limit the model {LIBRARY!r}: {request.model!r} is one book already."
        raise Problem(422, "invalid-request", detail)
    named = [] if request.model == LIBRARY else [_named(service, request.model, owner)]
    last = asked[-1]
    earlier = [each.text for each in request.messages[:last] if each.role in ("user", "assistant")]
    happened = service.answering.events(
        Question(
            request.messages[last].text,
            temperature=request.temperature or 0.0,
            seed=None if request.seed is None else request.seed % 2**63,
        ),
        Scope(named, request.authors, request.tags, owner),
        about=spoken_of(earlier),
        every_candidate=request.stream,
        wanted=waiting.wanted,
        min_confidence=request.min_confidence,
        members=request.members,
    )
    return map(answers.event, happened)


def _named(service: Service, model: str, owner: str | None) -> str:
    """The book that a model is, and its version, as `Scope` names them. Problem: it is none, or several."""

    def titles() -> dict[str, str]:
        with service.database.read() as session:
            return books.titles(session, None, owner)

    try:
        return which_book.as_named(*which_book.book_version(titles, model))
    except which_book.BookNameError as error:
        models = (
            f"A model is {LIBRARY!r}, or a book by its id, as GET /v1/models lists them, or by its title."
        )
        raise Problem(404, "not-found", f"{error} {models}") from error


def _chunks(service: Service, request: ChatRequest, events: Iterator[schemas.AskEvent]) -> Iterator[bytes]:
    """Comments while members answer, then the answer in one piece: a vote can move until its end."""
    for event in events:
        if isinstance(event, schemas.Heard):
            yield format_sse_event(comment=f"heard {event.candidates}")
        if isinstance(event, schemas.Answer):
            reply = chat.reply(event, request, service.engine.count_tokens)
            yield from map(_sse, reply.chunks(include_usage=request.stream_options.include_usage))


def _book_model(row: Book, version: str | None) -> dict[str, Any]:
    named, shown = (which_book.as_named(each, version) for each in (row.id, row.title))
    return _model(named, unix(row.created_at), shown)


def _model(model: str, created: int, name: str) -> dict[str, Any]:
    """A model in OpenAI's shape, with the `name` that programs show people in place of its id."""
    return {"id": model, "object": "model", "created": created, "owned_by": "bookchorus", "name": name}


def _sse(data: dict[str, Any]) -> bytes:
    return format_sse_event(data_str=json.dumps(data))
