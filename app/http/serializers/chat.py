"""Answers in the shapes of OpenAI's chats."""

import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from app import schemas
from app.schemas.chat import ChatRequest

# How many of the closest places are told where there is no answer.
_PLACES = 3


@dataclass(frozen=True)
class Reply:
    """What the assistant says, and why it says no more; `usage` are the tokens of the chat and of this."""

    id: str
    model: str
    text: str
    finish_reason: Literal["stop", "length"]
    usage: dict[str, int]

    def completion(self, **more: Any) -> dict[str, Any]:
        """The whole reply."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": self.text},
            "finish_reason": self.finish_reason,
        }
        return self._shape("chat.completion", [choice]) | {"usage": self.usage, **more}

    def chunks(self, *, include_usage: bool) -> list[dict[str, Any]]:
        """The reply as a stream has it: the text in one piece, its end, and where it is wanted the usage."""
        start = {"role": "assistant", "content": self.text}
        parts: list[tuple[dict[str, str], str | None]] = [(start, None), ({}, self.finish_reason)]
        told: list[dict[str, Any]] = [
            self._shape("chat.completion.chunk", [{"index": 0, "delta": delta, "finish_reason": reason}])
            for delta, reason in parts
        ]
        if not include_usage:
            return told
        last = self._shape("chat.completion.chunk", [])
        return [*(each | {"usage": None} for each in told), last | {"usage": self.usage}]

    def _shape(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": int(time.time()),
            "model": self.model,
            "choices": choices,
        }


def reply(answer: schemas.Answer, request: ChatRequest, count_tokens: Callable[[str], int]) -> Reply:
    """What is said of an answer: up to the first of the request's `stop`, and no longer than it may be.

    What members read is not counted as usage.
    """
    said = _said(answer)
    text = said[: min((at for at in map(said.find, request.stop) if at >= 0), default=len(said))]
    finish_reason: Literal["stop", "length"] = "stop"
    if request.most_tokens is not None and count_tokens(text) > request.most_tokens:
        fitting = bisect_right(
            range(len(text)), request.most_tokens, key=lambda end: count_tokens(text[:end])
        )
        text, finish_reason = text[: fitting - 1], "length"
    prompt, completion = sum(count_tokens(each.text) for each in request.messages), count_tokens(text)
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    return Reply(answer.id, request.model, text, finish_reason, usage)


def _said(answer: schemas.Answer) -> str:
    """The answer in words, or why there is none, with the places closest to the question."""
    if answer.abstained is None:
        return answer.answer or ""
    places = [f"{number}. {_place(one)}" for number, one in enumerate(answer.citations[:_PLACES], start=1)]
    return "\n".join([answer.abstained.detail, "", "The closest places:", *places])


def _place(citation: schemas.Citation) -> str:
    """Where a passage is, and what it says, in one line."""
    offsets = f"characters {citation.start:,} to {citation.end:,}"
    where = ", ".join(filter(None, [citation.title, citation.chapter, citation.on_pages(), offsets]))
    return f"{where}: “{' '.join(citation.text.split())}”"
