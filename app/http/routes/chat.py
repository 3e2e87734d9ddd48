"""The books as chat models, in OpenAI's shapes, for the clients people already have.

https://platform.openai.com/docs/api-reference/chat/create
"""

import json
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.sse import format_sse_event

from app import schemas
from app.answering.types import Question, Scope
from app.http.deps import CallerDep, ServiceDep
from app.http.disconnect import Waiting, to_the_end
from app.http.problems import Problem, openai_error
from app.http.serializers import answers
from app.http.serializers.records import unix
from app.schemas.chat import ChatRequest
from app.service import Service
from store import books

router = APIRouter(prefix="/v1", tags=["chat"])

LIBRARY = "library"
_PAGE = 200
# Characters of earlier turns that are added to the question in a search.
_ABOUT = 400
# How many of the closest places are told where there is no answer.
_PLACES = 3


@router.get("/models")
def models(service: ServiceDep, caller: CallerDep) -> JSONResponse:
    """List what can be asked: the library, every book, and every book at each of its aliases."""
    shown = [_model(LIBRARY, 0)]
    with service.database.read() as session:
        after, more = None, True
        while more:
            rows, more = books.list_books(session, after, _PAGE, owner=caller.sees)
            for row in rows:
                names = [row.id, *(f"{row.id}@{alias}" for alias in sorted(row.aliases))]
                shown += [_model(name, unix(row.created_at)) for name in names]
                after = row.id
    return JSONResponse({"object": "list", "data": shown})


@router.post("/chat/completions")
async def complete(service: ServiceDep, caller: CallerDep, request: ChatRequest, http: Request) -> Response:
    """Answer the last question of a chat; earlier turns help to find its passages.

    Beside OpenAI's fields, `bookchorus` holds the whole answer with its votes and citations.
    """
    waiting = Waiting(http)
    events = await waiting.result(lambda: _events(service, request, caller.sees, waiting))
    if request.stream:
        told = to_the_end(_chunks(request, events), lambda problem: _sse(openai_error(problem)))
        ended = [format_sse_event(data_str="[DONE]")]
        return StreamingResponse(waiting.follow(chain(told, ended)), media_type="text/event-stream")
    *_, answer = await waiting.result(lambda: list(events))
    assert isinstance(answer, schemas.Answer)
    tokens = _usage(service, request, answer)
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": _said(answer)},
        "finish_reason": "stop",
    }
    return JSONResponse(
        _completion(answer, request, "chat.completion", [choice])
        | {"usage": tokens, "bookchorus": answer.model_dump(mode="json")}
    )


def _events(
    service: Service, request: ChatRequest, owner: str | None, waiting: Waiting
) -> Iterator[schemas.AskEvent]:
    asked = [number for number, message in enumerate(request.messages) if message.role == "user"]
    if not asked:
        raise Problem(422, "question-missing", "The chat has no turn of the user: there is no question.")
    if request.model != LIBRARY and (request.authors or request.tags):
        detail = f"Authors and tags limit the model {LIBRARY!r}: {request.model!r} is one book already."
        raise Problem(422, "invalid-request", detail)
    last = asked[-1]
    earlier = [each.text for each in request.messages[:last] if each.role in ("user", "assistant")]
    happened = service.answering.events(
        Question(
            request.messages[last].text,
            temperature=request.temperature or 0.0,
            seed=None if request.seed is None else request.seed % 2**63,
        ),
        Scope([] if request.model == LIBRARY else [request.model], request.authors, request.tags, owner),
        # The question may refer to what the turns before it named; long turns would drown it.
        about=" ".join(earlier[-2:])[-_ABOUT:],
        every_candidate=request.stream,
        wanted=waiting.wanted,
        min_confidence=request.min_confidence,
        members=request.members,
    )
    return map(answers.event, happened)


def _chunks(request: ChatRequest, events: Iterator[schemas.AskEvent]) -> Iterator[bytes]:
    """Comments while members answer, then the answer in one piece: a vote can move until its end."""
    for event in events:
        if isinstance(event, schemas.Heard):
            yield format_sse_event(comment=f"heard {event.candidates}")
        if isinstance(event, schemas.Answer):
            start = {"role": "assistant", "content": _said(event)}
            for delta, reason in ((start, None), ({}, "stop")):
                choice = {"index": 0, "delta": delta, "finish_reason": reason}
                yield _sse(_completion(event, request, "chat.completion.chunk", [choice]))


def _completion(
    answer: schemas.Answer, request: ChatRequest, kind: str, choices: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "id": answer.id,
        "object": kind,
        "created": int(time.time()),
        "model": request.model,
        "choices": choices,
    }


def _said(answer: schemas.Answer) -> str:
    """The answer in words, or why there is none, with the places closest to the question."""
    if answer.abstained is None:
        return answer.answer or ""
    places = [f"{number}. {_place(one)}" for number, one in enumerate(answer.citations[:_PLACES], start=1)]
    return "\n".join([answer.abstained.detail, "", "The closest places:", *places])


def _place(citation: schemas.Citation) -> str:
    """Where a passage is, and what it says, in one line."""
    page = citation.page and f"page {citation.page}"
    offsets = f"characters {citation.start:,} to {citation.end:,}"
    where = ", ".join(filter(None, [citation.title, citation.chapter, page, offsets]))
    return f"{where}: “{' '.join(citation.text.split())}”"


def _usage(service: Service, request: ChatRequest, answer: schemas.Answer) -> dict[str, int]:
    """Tokens of the chat and of the answer; what the members read is not counted."""
    count = service.engine.count_tokens
    prompt, completion = sum(count(each.text) for each in request.messages), count(_said(answer))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _model(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "bookchorus"}


def _sse(data: dict[str, Any]) -> bytes:
    return format_sse_event(data_str=json.dumps(data))
