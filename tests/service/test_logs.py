"""What a real service logs: nothing by default; else lines of text or JSON, without keys and questions."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.client import Client
from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.tiny import STORY

QUESTION = "Who kept a green lamp?"


def used(client: Client, **headers: str) -> tuple[str, str, httpx.Response]:
    """The ids of a book that is learned and of its job, and the answer to a question about it."""
    added = client.add(STORY, title="A secret title", recipe=QUICK)
    assert added.job is not None
    list(client.follow(added.job.id))
    with httpx.Client(base_url=client.url, trust_env=False, timeout=60) as http:
        key = {"Authorization": "Bearer sesame"}
        answer = http.post("/ask?tag=hidden", json={"question": QUESTION, "k": 1}, headers=key | headers)
        http.get(f"/books/{added.book.id}", headers=key)
        http.get("/books", headers={"Authorization": "Bearer wrong key"})
    return added.book.id, added.job.id, answer


@pytest.fixture
def lines(tiny_folder: Path, tmp_path: Path) -> tuple[list[dict[str, Any]], str, str, httpx.Response]:
    """The records of a service that was used, and what `used` gives."""
    settings = {"log_level": "info", "log_format": "JSON", "admin_key": "sesame"}
    with service(tmp_path, "--model", str(tiny_folder), **settings) as client:
        book, job, answer = used(client, **{"X-Request-ID": "mine-1.a"})
    text = (tmp_path / "serve.log").read_text()
    for secret in (QUESTION, "sesame", "wrong key", "secret title", "hidden"):
        assert secret not in text
    # But for what the command itself says.
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")], book, job, answer


def test_each_record_of_a_request_or_a_job_names_it(
    lines: tuple[list[dict[str, Any]], str, str, httpx.Response],
) -> None:
    records, book, job, answer = lines
    assert all({"time", "level", "logger", "message"} <= record.keys() for record in records)
    assert answer.headers["x-request-id"] == "mine-1.a"
    [asked] = [record for record in records if record.get("request_id") == "mine-1.a"]
    assert (asked["method"], asked["path"], asked["status"], asked["caller"]) == (
        "POST",
        "/ask",
        200,
        "admin",
    )
    assert asked["seconds"] > 0
    about_job = [record for record in records if record.get("job_id") == job and "request_id" not in record]
    assert len(about_job) == 2
    assert {record["book_id"] for record in about_job} == {book}
    assert about_job[-1]["message"].endswith("succeeded")
    [refused] = [record for record in records if record.get("status") == 401]
    assert (refused["path"], refused["caller"]) == ("/books", None)
    # uvicorn's own records come the same way.
    assert any(record["logger"].startswith("uvicorn") for record in records)


def test_an_id_that_is_not_sane_is_not_taken(client: Client) -> None:
    for given in ("", "a b", "x" * 65, "ü".encode().decode("latin-1")):
        headers = {b"X-Request-ID": given.encode("latin-1")}
        answer = httpx.get(f"{client.url}/livez", headers=headers, trust_env=False)
        assert answer.headers["x-request-id"].startswith("request_")
    two = {httpx.get(f"{client.url}/livez", trust_env=False).headers["x-request-id"] for _ in range(2)}
    assert len(two) == 2


def test_by_default_a_service_is_quiet(tiny_folder: Path, tmp_path: Path) -> None:
    with service(tmp_path, "--model", str(tiny_folder), admin_key="sesame") as client:
        _, _, answer = used(client)
        assert answer.status_code == 200
    lines = (tmp_path / "serve.log").read_text().splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["Starts:", "Takes"]


def test_lines_of_text_name_the_request_too(tiny_folder: Path, tmp_path: Path) -> None:
    with service(tmp_path, "--model", str(tiny_folder), log_level="info") as client:
        httpx.get(f"{client.url}/livez", headers={"X-Request-ID": "mine"}, trust_env=False)
    [line] = [one for one in (tmp_path / "serve.log").read_text().splitlines() if "[request_id=mine]" in one]
    assert " INFO app.http.watching: GET /livez 200 " in line
