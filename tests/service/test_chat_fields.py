"""The fields of OpenAI's chats: honoured, or refused by their names; what other clients send."""

import json
from typing import Any

import httpx
import pytest

from app.client import Client
from app.schemas.chat import ChatRequest
from tests.service.test_books import QUICK
from tests.service.test_transfer import learned
from tests.tiny import STORY


@pytest.fixture(scope="module")
def book(client: Client) -> str:
    """A book whose answers stay the same: its first version is there."""
    return learned(client, STORY + "with many fields", QUICK)


def posted(http: httpx.Client, book: str, **fields: object) -> httpx.Response:
    question = {"model": book, "messages": [{"role": "user", "content": "Who kept a lamp?"}], "seed": 3}
    return http.post("/v1/chat/completions", json={**question, **fields})


def said(answer: httpx.Response) -> tuple[str, str, int]:
    """What was said, why it ends there, and its tokens."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    [choice] = body["choices"]
    return choice["message"]["content"], choice["finish_reason"], body["usage"]["completion_tokens"]


def told(answer: httpx.Response) -> list[dict[str, Any]]:
    """The chunks of a stream."""
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def test_the_last_chunk_has_the_usage_where_it_is_wanted(http: httpx.Client, book: str) -> None:
    usage = posted(http, book).json()["usage"]
    assert usage["completion_tokens"] > 0
    *chunks, last = told(posted(http, book, stream=True, stream_options={"include_usage": True}))
    assert (last["choices"], last["usage"]) == ([], usage)
    assert [chunk["usage"] for chunk in chunks] == [None, None]
    assert all(chunk["choices"] for chunk in chunks)
    # Clients take the first choice of each chunk, unless they asked for usage.
    for options in (None, {}, {"include_usage": False}, {"include_usage": None}):
        chunks = told(posted(http, book, stream=True, stream_options=options))
        assert all(chunk["choices"] and "usage" not in chunk for chunk in chunks)


def test_null_is_a_field_left_out(http: httpx.Client, book: str) -> None:
    plain = said(posted(http, book))
    ours = ChatRequest.model_fields.keys() - {"model", "messages", "seed"}
    others = ("n", "tools", "tool_choice", "response_format", "logprobs", "logit_bias", "top_p", "user")
    for name in (*ours, *others):
        assert said(posted(http, book, **{name: None})) == plain, name
    parts = [{"type": "text", "text": None}, {"type": "text", "text": "Who kept a lamp?"}]
    turns = [
        {"role": "assistant", "content": None, "tool_calls": None},
        {"role": "user", "content": parts, "name": None},
    ]
    assert said(posted(http, book, messages=turns))[0]
    for name in ("model", "messages"):
        error = posted(http, book, **{name: None})
        assert (error.status_code, error.json()["error"]["param"]) == (400, name)


def test_fields_that_ask_for_nothing_are_no_error(http: httpx.Client, book: str) -> None:
    fields: dict[str, object] = {
        "n": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "response_format": {"type": "text"},
        "modalities": ["text"],
        "stop": [],
        "tools": [],
        "tool_choice": "auto",
        "functions": [],
        "function_call": "none",
        "logprobs": False,
        "top_logprobs": 0,
        "logit_bias": {},
        "top_p": 0.9,  # nothing is drawn at temperature 0
        "user": "reader-7",
        "metadata": {"from": "a test"},
        "store": False,
        "service_tier": "auto",
        "parallel_tool_calls": True,
        "max_tokens": 4000,
        "stream_options": {"include_usage": True},
    }
    assert said(posted(http, book, **fields)) == said(posted(http, book))
    assert said(posted(http, book, temperature=0.5, top_p=1))[1] == "stop"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 3),
        ("n", 0),
        ("response_format", {"type": "json_object"}),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}),
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "alloy", "format": "wav"}),
        ("logprobs", True),
        ("top_logprobs", 2),
        ("logit_bias", {"50256": -100}),
        ("presence_penalty", 0.5),
        ("frequency_penalty", -1),
        ("tools", [{"type": "function", "function": {"name": "look", "parameters": {}}}]),
        ("tool_choice", "required"),
        ("tool_choice", {"type": "function", "function": {"name": "look"}}),
        ("functions", [{"name": "look", "parameters": {}}]),
        ("function_call", {"name": "look"}),
        ("web_search_options", {}),
        ("top_p", 0.9),
        # Honoured, but not these values.
        ("stop", ["a", "b", "c", "d", "e"]),
        ("stop", ""),
        ("stop", 5),
        ("max_tokens", 0),
        ("max_completion_tokens", "many"),
        ("stream_options", {"include_usage": "perhaps"}),
    ],
)
def test_a_field_that_is_not_honoured_is_refused_by_its_name(
    http: httpx.Client, book: str, name: str, value: object
) -> None:
    for stream in (False, True):
        answer = posted(http, book, **{"temperature": 0.5, "stream": stream, name: value})
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert error["param"].split(".")[0] == name
        assert f"body.{name}" in error["message"]
        assert (error["type"], error["code"]) == ("invalid_request_error", "invalid-request")


def varied(http: httpx.Client, book: str, **fields: object) -> httpx.Response:
    """An answer of different letters: at temperature 0 the tiny LLM says one of them again and again."""
    return posted(http, book, temperature=0.5, **fields)


def test_an_answer_ends_before_the_first_stop(http: httpx.Client, book: str) -> None:
    whole, _, tokens = said(varied(http, book))
    first, later = whole[: len(whole) // 3][-2:], whole[-4:]
    assert 0 < whole.index(first) < whole.index(later)
    text, reason, fewer = said(varied(http, book, stop=[later, "not in it", first]))
    assert (text, reason) == (whole[: whole.index(first)], "stop")
    assert fewer < tokens
    assert said(varied(http, book, stop=later))[:2] == (whole[: whole.index(later)], "stop")
    assert said(varied(http, book, stop="not in it")) == (whole, "stop", tokens)
    chunks = told(varied(http, book, stop=first, stream=True))
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == [text, None]


def test_an_answer_is_as_long_as_it_may_be(http: httpx.Client, book: str) -> None:
    whole, _, tokens = said(varied(http, book))
    assert tokens > 3
    for limits in (
        {"max_tokens": 3},
        {"max_completion_tokens": 3},
        {"max_completion_tokens": 3, "max_tokens": 9},
    ):
        text, reason, fewer = said(varied(http, book, **limits))
        # A letter may be several tokens.
        assert (reason, 1 <= fewer <= 3) == ("length", True)
        assert text
        assert whole.startswith(text)
    assert said(varied(http, book, max_tokens=tokens)) == (whole, "stop", tokens)
    # What ends first counts.
    assert said(varied(http, book, max_tokens=3, stop=whole[0]))[:2] == ("", "stop")
    chunks = told(varied(http, book, max_tokens=3, stream=True))
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, "length"]
