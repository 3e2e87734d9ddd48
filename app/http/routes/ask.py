"""The route that answers questions."""

from collections.abc import Iterator

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from fastapi.sse import format_sse_event

from app import schemas
from app.answering.follow_ups import keeping_to, spoken_of
from app.http import thread_asks
from app.http.callers import Caller
from app.http.deps import CallerDep, ServiceDep
from app.http.disconnect import Waiting, WaitingDep, to_the_end
from app.http.serializers import answers
from app.service.service import Service

router = APIRouter(tags=["ask"])


@router.post("/ask", response_model=schemas.Answer, responses={200: {"content": {"text/event-stream": {}}}})
async def ask(
    service: ServiceDep, caller: CallerDep, request: schemas.AskRequest, waiting: WaitingDep
) -> schemas.Answer | Response:
    """Answer a question: retrieve, let every member answer, vote, and cite what was read.

    With `stream` the steps come as server-sent events: `retrieved`, `heard`, and `answer` or `error`.
    A client that goes away ends the work for it. In a `thread` the answer is kept, and what was said there
    before helps to find passages.
    """
    shown = await waiting.result(lambda: _events(service, caller, request, waiting))
    if request.stream:
        chunks = to_the_end(map(_chunk, shown), lambda problem: _event("error", problem.json()))
        return StreamingResponse(waiting.follow(chunks), media_type="text/event-stream")
    *_, last = await waiting.result(lambda: list(shown))
    assert isinstance(last, schemas.Answer)
    return last


def _events(
    service: Service, caller: Caller, request: schemas.AskRequest, waiting: Waiting
) -> Iterator[schemas.AskEvent]:
    scope, about = answers.scope_of(request, caller.sees), ""
    if request.thread is not None:
        before = thread_asks.before(service.database, request.thread, caller)
        scope, about = keeping_to(scope, before.books), spoken_of(before.said)
    happened = service.answering.events(
        answers.question_of(request),
        scope,
        about=about,
        every_candidate=request.stream,
        wanted=waiting.wanted,
        passages=request.k,
        min_confidence=request.min_confidence,
        require_trained=request.require_trained,
        members=request.members,
    )
    shown = map(answers.event, happened)
    if request.thread is None:
        return shown
    return thread_asks.kept(service.database, request.thread, caller.owner, scope.books, shown)


def _chunk(event: schemas.AskEvent) -> bytes:
    return _event(type(event).__name__.lower(), event.model_dump_json())


def _event(name: str, data: str) -> bytes:
    return format_sse_event(data_str=data, event=name)
