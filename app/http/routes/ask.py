"""The route that answers questions."""

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from fastapi.sse import format_sse_event

from app import schemas
from app.http.deps import CallerDep, ServiceDep
from app.http.disconnect import WaitingDep, to_the_end
from app.http.serializers import answers

router = APIRouter(tags=["ask"])


@router.post("/ask", response_model=schemas.Answer, responses={200: {"content": {"text/event-stream": {}}}})
async def ask(
    service: ServiceDep, caller: CallerDep, request: schemas.AskRequest, waiting: WaitingDep
) -> schemas.Answer | Response:
    """Answer a question: retrieve, let every member answer, vote, and cite what was read.

    With `stream` the steps come as server-sent events: `retrieved`, `heard`, and `answer` or `error`.
    A client that goes away ends the work for it.
    """
    events = await waiting.result(
        lambda: service.answering.events(
            answers.question_of(request),
            answers.scope_of(request, caller.sees),
            every_candidate=request.stream,
            wanted=waiting.wanted,
            passages=request.k,
            min_confidence=request.min_confidence,
            require_trained=request.require_trained,
            members=request.members,
        )
    )
    shown = map(answers.event, events)
    if request.stream:
        chunks = to_the_end(map(_chunk, shown), lambda problem: _event("error", problem.json()))
        return StreamingResponse(waiting.follow(chunks), media_type="text/event-stream")
    *_, last = await waiting.result(lambda: list(shown))
    assert isinstance(last, schemas.Answer)
    return last


def _chunk(event: schemas.AskEvent) -> bytes:
    return _event(type(event).__name__.lower(), event.model_dump_json())


def _event(name: str, data: str) -> bytes:
    return format_sse_event(data_str=data, event=name)
