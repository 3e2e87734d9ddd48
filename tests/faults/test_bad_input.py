"""What a caller may send that is no good, and what they see; nothing of it leaves a trace."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.service.conftest import client, http, shared_service  # noqa: F401 - fixtures
from tests.service.test_books import QUICK, upload
from tests.tiny import STORY


def problem(answer: httpx.Response, status: int, slug: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert body["type"] == f"/problems/{slug}"
    assert body["status"] == status
    assert "Traceback" not in answer.text
    return body


def ids(http: httpx.Client) -> list[str]:  # noqa: F811
    return [book["id"] for book in http.get("/books", params={"limit": 200}).json()["data"]]


@pytest.mark.parametrize("chunked", [False, True])
def test_01_a_body_over_the_cap_is_refused(http: httpx.Client, chunked: bool) -> None:  # noqa: F811
    before = ids(http)
    content: bytes | Iterator[bytes] = b"x" * 400_000
    if chunked:
        content = (b"x" * 10_000 for _ in range(40))
    answer = http.post("/books", content=content, headers={"Content-Type": "application/json"})
    assert "200000" in str(problem(answer, 413, "book-too-large")["detail"])
    assert ids(http) == before


@pytest.mark.parametrize("text", ["", " \n\t\r\n ", "\ufeff"])
def test_04_an_empty_book_is_refused(http: httpx.Client, text: str) -> None:  # noqa: F811
    before = ids(http)
    problem(upload(http, text), 422, "book-empty")
    problem(http.post("/books", json={"title": "Nothing", "text": text}), 422, "book-empty")
    assert ids(http) == before


@pytest.mark.parametrize(
    "data",
    [b"\x89PNG\r\n\x1a\n\x00\x00", b"\x80\x81\x82\x83\xff\xfe" * 9, b"a\x00b", b"\xff\xfeodd"],
    ids=repr,
)
def test_05_what_is_no_text_is_refused(http: httpx.Client, data: bytes) -> None:  # noqa: F811
    before = ids(http)
    problem(http.post("/books", files={"file": ("book.txt", data)}), 422, "unreadable-text")
    assert ids(http) == before


@pytest.mark.parametrize(
    ("tags", "limit"), [([str(number) for number in range(17)], 16), (["x" * 61], 60)], ids=["many", "long"]
)
def test_tags_beyond_the_limit_are_refused(
    http: httpx.Client,  # noqa: F811
    tags: list[str],
    limit: int,
) -> None:
    before = ids(http)
    text = STORY + "tagged beyond"
    for answer in (
        upload(http, text, tags=",".join(tags)),
        http.post("/books", json={"title": "t", "text": text, "tags": tags}),
    ):
        body = problem(answer, 422, "invalid-tags")
        assert body["limit"] == limit
        assert f"at most {limit}" in str(body["detail"])
    assert ids(http) == before


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("<script>alert(1)</script>.txt", "script>.txt"),
        ("a\x00b\x1b[31m.md", "ab[31m.md"),
        ("x" * 10_000 + ".txt", "x" * 116 + ".txt"),
    ],
)
def test_10_a_strange_file_name_is_cleaned(http: httpx.Client, name: str, shown: str) -> None:  # noqa: F811
    # Built by hand: a client would clean or escape the name before it is sent.
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    body = head + (STORY + repr(name)).encode() + b"\r\n--b--\r\n"
    answer = http.post("/books", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 202, answer.text
    assert answer.json()["book"]["filename"] == shown
    http.post(f"/jobs/{answer.json()['job']['id']}/cancel")


def test_13_a_book_without_a_version_is_answered_by_the_bare_llm(http: httpx.Client) -> None:  # noqa: F811
    added = upload(http, STORY + "untrained", wait=0).json()
    http.post(f"/jobs/{added['job']['id']}/cancel")
    other = http.post(
        "/books", json={"title": "b", "text": STORY + "late", "recipe": {**QUICK, "epochs": 1000}}
    )
    asked = {"question": "Who?", "books": [other.json()["book"]["id"]]}
    answer = http.post("/ask", json=asked).json()
    refused = problem(http.post("/ask", json={**asked, "require_trained": True}), 409, "book-not-ready")
    assert refused["job"] == other.json()["job"]["id"]
    assert "progress" in refused
    http.post(f"/jobs/{other.json()['job']['id']}/cancel")
    assert answer["degraded"].startswith(("untrained", "unembedded"))
    assert answer["versions"] == []
    assert answer["citations"]
    assert {each["member"] for vote in answer["votes"] for each in vote["candidates"]} <= {None}


@pytest.mark.parametrize(
    ("question", "slug"),
    [("", "question-empty"), (" \n ", "question-empty"), ("why " * 300, "question-too-long")],
    ids=["empty", "blank", "long"],
)
def test_16_a_question_that_cannot_be_asked(http: httpx.Client, question: str, slug: str) -> None:  # noqa: F811
    body = problem(http.post("/ask", json={"question": question}), 422, slug)
    if slug == "question-too-long":
        assert body["limit_tokens"] == 256
        assert "256" in str(body["detail"])


def test_16_a_question_of_a_megabyte(http: httpx.Client) -> None:  # noqa: F811
    # Over this service's cap on any body, so that it is not even read; one below it is.
    problem(http.post("/ask", json={"question": "w" * 1_000_000}), 413, "book-too-large")
    problem(http.post("/ask", json={"question": "w" * 150_000}), 422, "question-too-long")


@pytest.mark.parametrize("model", ["./none", "nobody/none"], ids=["folder", "no network"])
def test_28_a_model_that_cannot_be_had_ends_the_start_with_one_line(tmp_path: Path, model: str) -> None:
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--data-dir", str(tmp_path)]
    ended = subprocess.run(
        [*command, "--model", model],
        # Nobody listens there: to this process there is no network.
        env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "PYTHONPATH": str(Path.cwd())},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode != 0
    assert len(ended.stderr.strip().splitlines()) == 1
    assert model in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


def test_a_path_that_is_not_there_and_a_body_of_another_shape(http: httpx.Client) -> None:  # noqa: F811
    problem(http.get("/nowhere"), 404, "no-such-page")
    problem(http.get("/books/book_none"), 404, "not-found")
    problem(http.put("/ask"), 405, "method-not-allowed")
    problem(http.post("/ask", json={"q": "Who?"}), 422, "invalid-request")
    problem(
        http.post("/books", content=b"x", headers={"Content-Type": "text/plain"}),
        415,
        "unsupported-media-type",
    )
    named = http.post("/books", json={"title": "t", "text": "x", "recipe": {"epoch": 1}})
    told = problem(named, 422, "invalid-recipe")["detail"]
    assert told == "epoch: there is no field epoch; did you mean epochs?"
    assert [each["where"] for each in named.json()["errors"]] == ["epoch"]
    problem(http.post("/books", files={"other": ("a.txt", b"x")}), 422, "file-missing")
