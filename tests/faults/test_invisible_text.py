"""Faults 4, 16 and 32: text that nobody sees, and text that cannot be kept, in every string of a request."""

import json
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from app.http.routes import aliases, ask, books, chat, compare, questions, revisions, versions
from app.schemas.common import Request
from store.segmentation import is_blank
from tests.faults.test_bad_input import ids, problem
from tests.service.conftest import client, http, shared_service  # noqa: F401 - fixtures
from tests.service.test_books import upload
from tests.tiny import STORY

# Of each kind: formats, variation selectors, blank letters, fillers, joiners, a tag, and several together.
UNSEEN = [
    *("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\ufe0f", "\u3164", "\u2800", "\u115f"),
    *("\u1160", "\uffa0", "\u034f", "\u180e", "\u17b4", "\u2065", "\U000e0041", "\u2028", "\u00a0"),
    "\u200b \u2800\n\u3164" * 50_000,
]
HALF, NUL = '"\\ud800"', '"a\\u0000b"'


def named(text: str) -> str:
    return ascii(text[:6])


@pytest.mark.parametrize("text", UNSEEN, ids=named)
def test_04_a_book_in_which_there_is_nothing_to_see_is_empty(
    http: httpx.Client,  # noqa: F811
    text: str,
) -> None:
    before = ids(http)
    text = text[:60_000]
    problem(upload(http, text), 422, "book-empty")
    problem(http.post("/books", json={"title": "Nothing", "text": text}), 422, "book-empty")
    assert ids(http) == before


@pytest.mark.parametrize("text", [*UNSEEN[:-1], "\x07", "\x1b\x7f", "\u200b\u2800"], ids=named)
def test_16_a_question_in_which_there_is_nothing_to_see_is_empty(
    http: httpx.Client,  # noqa: F811
    text: str,
) -> None:
    problem(http.post("/ask", json={"question": text}), 422, "question-empty")
    chatted = {"model": "library", "messages": [{"role": "user", "content": text}]}
    refused = http.post("/v1/chat/completions", json=chatted)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "question-empty")


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "\u200ba\u200b",
        "?",
        "\u0301",
        "漢",
        "👩\u200d🚀",
        "\ue000",
        "\u2801",
        "क\u200d",
        "\u200b" * 99_999 + ".",
    ],
    ids=named,
)
def test_what_can_be_seen_is_not_blank(text: str) -> None:
    assert not is_blank(text)


def test_names_in_which_there_is_nothing_to_see_are_none(http: httpx.Client) -> None:  # noqa: F811
    names: dict[str, Any] = {"title": "\u3164", "author": "\u200b", "tags": "\u2060, \u2800,lamps"}
    by_form = upload(http, STORY + "unseen form", **names).json()["book"]
    by_json = http.post(
        "/books", json={**names, "tags": names["tags"].split(","), "text": STORY + "unseen json"}
    ).json()["book"]
    for book, title in ((by_form, "book"), (by_json, "Untitled")):
        assert book["author"] is None
        assert book["tags"] == ["lamps"]
        assert not is_blank(book["title"])
        if book is by_json:
            assert book["title"] == title


@pytest.fixture(scope="module")
def book(client: Any) -> str:  # noqa: F811
    """A book to ask and to change."""
    with httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http:  # noqa: F811
        added = http.post("/books", json={"title": "Kept", "text": STORY + "kept text"}).json()
        http.post(f"/jobs/{added['job']['id']}/cancel")
    return str(added["book"]["id"])


@pytest.mark.parametrize("bad", [HALF, NUL], ids=["half", "nul"])
@pytest.mark.parametrize(
    ("method", "path", "body", "where"),
    [
        ("POST", "/ask", '{"question": BAD}', "question"),
        ("POST", "/ask", '{"question": "Who?", "books": [BAD]}', "books.0"),
        ("POST", "/ask", '{"question": "Who?", "authors": ["x", BAD]}', "authors.1"),
        ("POST", "/ask", '{"question": "Who?", "tags": [BAD]}', "tags.0"),
        ("POST", "/ask", '{"question": "Who?", "choices": ["x", BAD]}', "choices.1"),
        ("POST", "/ask", '{"question": "Who?", "strategy": BAD}', "strategy"),
        (
            "PATCH",
            "/books/BOOK/questions",
            '{"changes": [{"change": "add", "text": BAD, "answer": "x"}]}',
            "text",
        ),
        (
            "PATCH",
            "/books/BOOK/questions",
            '{"changes": [{"change": "add", "text": "x", "answer": BAD}]}',
            "answer",
        ),
        ("PATCH", "/books/BOOK/questions", '{"changes": [{"change": "remove", "id": BAD}]}', "id"),
        ("POST", "/books/BOOK/versions", '{"recipe": {"method": BAD}}', "recipe.method"),
        ("POST", "/books/BOOK/versions", '{"recipe": {BAD: 1}}', "recipe."),
        ("PUT", "/admin/books/BOOK/aliases/best", '{"version": 1, "why": BAD}', "why"),
        ("POST", "/admin/books/BOOK/aliases/best/rollback", '{"why": BAD}', "why"),
        ("POST", "/admin/books/BOOK/compare", '{"versions": [1, BAD]}', "versions.1"),
        ("POST", "/admin/books/BOOK/compare", '{"versions": [1, 1], "questions": [BAD]}', "questions.0"),
    ],
)
def test_32_text_that_cannot_be_kept_is_refused_by_its_field(
    http: httpx.Client,  # noqa: F811
    book: str,
    method: str,
    path: str,
    body: str,
    where: str,
    bad: str,
) -> None:
    content, kind = body.replace("BAD", bad), {"Content-Type": "application/json"}
    answer = http.request(method, path.replace("BOOK", book), content=content, headers=kind)
    assert where in str(problem(answer, 422, "invalid-request")["detail"])


@pytest.mark.parametrize("bad", [HALF, NUL], ids=["half", "nul"])
@pytest.mark.parametrize(
    "chat",
    [
        '{"model": BAD, "messages": [{"role": "user", "content": "Who?"}]}',
        '{"model": "library", "messages": [{"role": "user", "content": BAD}]}',
        '{"model": "library", "messages": [{"role": "system", "content": BAD}, {"role": "user"}]}',
        '{"model": "library", "messages": [{"role": "user", "content": [{"type": "text", "text": BAD}]}]}',
    ],
)
def test_32_a_chat_with_text_that_cannot_be_kept(http: httpx.Client, chat: str, bad: str) -> None:  # noqa: F811
    answer = http.post(
        "/v1/chat/completions",
        content=chat.replace("BAD", bad),
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid-request")


@pytest.mark.parametrize("field", ["title", "author", "text", "tags", "recipe"])
@pytest.mark.parametrize("bad", [HALF, NUL], ids=["half", "nul"])
def test_32_a_book_with_text_that_cannot_be_kept(http: httpx.Client, field: str, bad: str) -> None:  # noqa: F811
    before = ids(http)
    value = {"tags": f"[{bad}]", "recipe": f'{{"method": {bad}}}'}.get(field, bad)
    fields = {"title": '"t"', "text": json.dumps(STORY + field), field: value}
    content = "{" + ", ".join(f'"{name}": {each}' for name, each in fields.items()) + "}"
    answer = http.post("/books", content=content, headers={"Content-Type": "application/json"})
    problem(answer, 422, "invalid-request")
    if field != "text" and (bad == NUL or field == "recipe"):  # a form's bytes are UTF-8, or mended
        form: dict[str, Any] = {field: value if field == "recipe" else "a\0b"}
        detail = problem(upload(http, STORY + field, **form), 422, "invalid-request")["detail"]
        assert f"body.{field}" in str(detail)
    assert ids(http) == before


@pytest.mark.parametrize(
    "path", ["/books/a%00b", "/books?author=%00&author=x", "/jobs/%00/events", "/admin/prompts?alias=%00"]
)
def test_32_an_address_with_text_that_cannot_be_kept(http: httpx.Client, path: str) -> None:  # noqa: F811
    problem(http.get(path), 422, "invalid-request")


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 20_000, '"\xff"'], ids=["digits", "brackets", "bytes"])
def test_32_json_that_cannot_be_read(http: httpx.Client, value: str) -> None:  # noqa: F811
    kind = {"Content-Type": "application/json"}
    content = f'{{"question": "Who?", "seed": {value}}}'.encode("latin-1")
    problem(http.post("/ask", content=content, headers=kind), 422, "invalid-request")
    if value != '"\xff"':
        problem(upload(http, STORY + "unread", recipe=f'{{"seed": {value}}}'), 422, "invalid-recipe")


def test_32_a_version_or_a_seed_of_many_digits(http: httpx.Client, book: str) -> None:  # noqa: F811
    asked = {"question": "Who?", "books": [f"{book}@{'9' * 5000}"]}
    problem(http.post("/ask", json=asked), 404, "not-found")
    chatted = {"model": book, "messages": [{"role": "user", "content": "Who?"}]}
    for seed in (2**63, 2**64 + 1, -(2**70), 10**4000):
        assert http.post("/v1/chat/completions", json={**chatted, "seed": seed}).status_code == 200


def test_every_body_is_a_request_so_that_none_is_left_unchecked() -> None:
    parts = (aliases, ask, books, chat, compare, questions, revisions, versions)
    bodies = [
        field.field_info.annotation
        for part in parts
        for route in part.router.routes
        if isinstance(route, APIRoute)
        for field in route.dependant.body_params
    ]
    assert len(bodies) >= 8
    for body in bodies:
        kinds: list[Any] = [kind for kind in getattr(body, "__args__", (body,)) if kind is not type(None)]
        assert all(issubclass(kind, Request) for kind in kinds), body
