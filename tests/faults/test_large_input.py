"""Fault 32: numbers, nesting and lengths that nothing takes, in any field; what comes back is short."""

import json
from typing import Any

import httpx
import pytest

from tests import files
from tests.faults.test_bad_input import ids, problem
from tests.service.conftest import client, http, shared_service  # noqa: F401 - fixtures
from tests.service.test_books import upload
from tests.tiny import STORY

# A cap above which no title goes: this service takes bodies of 200,000 bytes.
LONG = "x" * 100_000
NUMBERS = {
    "infinity": "Infinity",
    "minus infinity": "-Infinity",
    "too large for a float": "1e999",
    "not a number": "NaN",
    "64 bits": str(2**63),
    "30 digits": "9" * 30,
    "4,000 digits": "9" * 4000,
    "5,000 digits": "9" * 5000,
    "brackets": "[" * 20_000 + "]" * 20_000,
    "objects": '{"a":' * 20_000 + "1" + "}" * 20_000,
}
LONG_PDF = files.pdf(
    [[*files.lines("Mira kept a green lamp in the tower of Ost.", top=650)]], info=f"/Title({LONG})"
)
FIELDS = {
    "/ask": ['{"question": "Who?", "k": BAD}', '{"question": "Who?", "temperature": BAD}'],
    "/v1/chat/completions": [
        '{"model": "library", "messages": [{"role": "user", "content": "Who?"}], "temperature": BAD}'
    ],
    "/books": ['{"title": BAD, "text": "A."}', '{"title": "t", "text": "A.", "tags": BAD}'],
    "/books/BOOK/versions": ['{"parent": BAD}'],
    "/books/BOOK/revisions": ['{"title": "t", "text": BAD}'],
    "/admin/books/BOOK/prune": ['{"keep": BAD}'],
    "/admin/books/BOOK/compare": ['{"versions": [1, 1], "seed": BAD}', '{"versions": [BAD, -1]}'],
}


@pytest.fixture(scope="module")
def book(client: Any) -> str:  # noqa: F811
    """A book to ask and to change."""
    with httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http:  # noqa: F811
        added = upload(http, STORY + "large input").json()
    return str(added["book"]["id"])


@pytest.mark.parametrize("path", FIELDS)
@pytest.mark.parametrize("bad", NUMBERS.values(), ids=NUMBERS)
def test_32_a_number_that_nothing_takes(http: httpx.Client, book: str, path: str, bad: str) -> None:  # noqa: F811
    before = ids(http)
    for field in FIELDS[path]:
        answer = http.post(
            path.replace("BOOK", book),
            content=field.replace("BAD", bad),
            headers={"Content-Type": "application/json"},
        )
        if path.startswith("/v1"):
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid-request")
        else:
            problem(answer, 422, "invalid-request")
        assert len(answer.content) < 20_000
    assert ids(http) == before


@pytest.mark.parametrize(
    "number", ["9" * 30, "9" * 5000, "-1", "1e9", "Infinity", "٣"], ids=lambda each: each[:8]
)
def test_32_a_number_in_an_address_that_nothing_takes(http: httpx.Client, book: str, number: str) -> None:  # noqa: F811
    for path in (
        f"/admin/books/{book}/versions/{number}",
        f"/admin/books/{book}/versions/{number}/export",
        f"/books/{book}/text?revision={number}",
        f"/books/{book}/questions?passage={number}",
        f"/books?limit={number}",
        f"/admin/audit?after={number}",
        f"/admin/books/{book}/aliases?after={number}",
    ):
        assert http.get(path).status_code in (404, 422), path
    assert http.delete(f"/admin/books/{book}/versions/{number}").status_code in (404, 422)


@pytest.mark.parametrize("field", ["title", "author"])
def test_32_a_title_of_any_length(http: httpx.Client, field: str) -> None:  # noqa: F811
    before = ids(http)
    for name in (LONG, "漢" * 30_000, "x" * 1_001):
        sent = {"title": "t", "text": STORY + field, field: name}
        assert field in str(problem(http.post("/books", json=sent), 422, "invalid-request")["errors"])
        form: dict[str, Any] = {field: name}
        told = problem(upload(http, STORY + field, **form), 422, "invalid-request")
        assert field in str(told["errors"])
    assert ids(http) == before
    assert http.post("/books", json={"title": "x" * 1_000, "text": STORY + field + "fits"}).status_code == 202


def test_32_a_title_that_a_file_has_is_cut(http: httpx.Client) -> None:  # noqa: F811
    answer = http.post("/books", files={"file": ("a.pdf", LONG_PDF)})
    assert answer.status_code == 202
    assert answer.json()["book"]["title"] == "x" * 1_000


def test_32_what_is_told_of_a_request_does_not_grow_with_it(http: httpx.Client, book: str) -> None:  # noqa: F811
    for path, body in (
        ("/books", {"title": "t", "text": "A.", "tags": [1] * 20_000}),
        ("/ask", {"question": "Who?", LONG: 1}),
        ("/ask", {"question": "Who?", "books": [LONG]}),
        (f"/books/{book}/versions", {"recipe": {LONG: 1}}),
    ):
        answer = http.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500
        assert len(answer.content) < 20_000
    assert len(http.get(f"/books/{LONG[:50_000]}").content) < 20_000


@pytest.mark.parametrize("value", ["Infinity", "1e999", "NaN", '"1e999"'])
@pytest.mark.parametrize("field", ["budget_seconds", "max_grad_norm", "learning_rate", "epochs", "warmup"])
def test_32_a_recipe_with_a_number_that_is_not_finite(
    http: httpx.Client,  # noqa: F811
    book: str,
    field: str,
    value: str,
) -> None:
    answer = http.post(
        f"/books/{book}/versions",
        content=f'{{"recipe": {{"{field}": {value}}}}}',
        headers={"Content-Type": "application/json"},
    )
    assert field in str(problem(answer, 422, "invalid-recipe")["detail"])
