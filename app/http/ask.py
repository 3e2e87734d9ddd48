"""The route that answers questions."""

import logging
from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from fastapi.sse import format_sse_event

from app import schemas
from app.engine import UnwantedError
from app.http.deps import ServiceDep
from app.http.problems import as_problem
from app.http.waiting import Waiting

log = logging.getLogger(__name__)
router = APIRouter(tags=["ask"])


@router.post("/ask", response_model=schemas.Answer, responses={200: {"content": {"text/event-stream": {}}}})
async def ask(service: ServiceDep, request: schemas.AskRequest, http: Request) -> schemas.Answer | Response:
    """Answer a question: retrieve, let every member answer, vote, and cite what was read.

    With `stream` the steps come as server-sent events: `retrieved`, `heard`, and `answer` or `error`.
    A client that goes away ends the work for it.
    """
    waiting = Waiting(http)
    if not request.stream:
        return await waiting.result(lambda: service.answering.answer(request, wanted=waiting.wanted))
    events = await waiting.result(lambda: service.answering.events(request, wanted=waiting.wanted))
    return StreamingResponse(waiting.follow(_stream(events)), media_type="text/event-stream")


def _stream(events: Iterator[schemas.AskEvent]) -> Iterator[bytes]:
    try:
        for event in events:
            yield format_sse_event(data_str=event.model_dump_json(), event=type(event).__name__.lower())
    except UnwantedError:
        return
    except Exception as error:  # the status line is gone already
        log.exception("an answer broke off")
        yield format_sse_event(data_str=as_problem(error).json(), event="error")
