"""Fault 12, quotas, and the audit log."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.client import Client
from store import audit, keys
from store.database import Database
from store.keys import Limits
from store.tables import AuditLine, Role, utcnow
from tests.faults.test_bad_input import problem
from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.tiny import STORY

Caller = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def running(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Database]]:
    folder = tmp_path_factory.mktemp("limits")
    with service(folder, "--model", str(tiny_folder), admin_key="sesame", max_book_bytes="5000") as client:
        database = Database(f"sqlite:///{folder / 'data' / 'bookchorus.db'}")
        yield client, database
        database.close()


@pytest.fixture
def caller(running: tuple[Client, Database]) -> Iterator[Caller]:
    """Makes a key, and a client that sends it."""
    client, database = running
    made: list[httpx.Client] = []

    def of(owner: str, role: Role = "writer", **limits: int) -> httpx.Client:
        with database.write() as session:
            _, text = keys.add(session, name=owner, role=role, owner=owner, limits=Limits(**limits))
        headers = {"Authorization": f"Bearer {text}"}
        made.append(httpx.Client(base_url=client.url, headers=headers, timeout=60, trust_env=False))
        return made[-1]

    yield of
    for each in made:
        each.close()


def body(text: str, **recipe: int) -> dict[str, object]:
    return {"title": "Lamp", "text": text, "recipe": {**QUICK, **recipe}}


def test_12_a_key_over_its_rate_waits_and_others_do_not(caller: Caller) -> None:
    quick, other = caller("quick", requests_per_minute=2), caller("other", requests_per_minute=2)
    for _ in range(2):
        assert quick.get("/books").status_code == 200
    for path in ("/books", "/nowhere", "/v1/models"):
        refused = quick.get(path)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 30
    problem(quick.get("/books"), 429, "rate-exceeded")
    # Neither a role that is too low nor what is refused takes from the bucket of another.
    assert other.get("/admin/skills").status_code == 403
    for _ in range(2):
        assert other.get("/books").status_code == 200
    assert other.get("/books").status_code == 429
    assert quick.get("/livez").status_code == 200


def test_a_rate_is_told_before_a_size(caller: Caller) -> None:
    quick = caller("sizes", requests_per_minute=1)
    problem(quick.post("/books", content=b"x" * 6000), 413, "book-too-large")
    problem(quick.post("/books", content=b"x" * 6000), 429, "rate-exceeded")


def test_a_library_holds_no_more_books_than_its_key_allows(caller: Caller) -> None:
    one = caller("one", most_books=1)
    added = one.post("/books", json=body("One."))
    assert added.status_code == 202
    refused = problem(one.post("/books", json=body("Two.")), 403, "quota-reached")
    assert (refused["quota"], refused["limit"]) == ("books", 1)
    assert [book["id"] for book in one.get("/books").json()["data"]] == [added.json()["book"]["id"]]
    # What is there already adds nothing, and what is removed makes room.
    assert one.post("/books", json=body("One.")).status_code == 200
    assert one.delete(f"/books/{added.json()['book']['id']}").status_code == 204
    assert one.post("/books", json=body("Two.")).status_code == 202


def test_a_library_holds_no_more_bytes_than_its_key_allows(caller: Caller) -> None:
    small = caller("small", most_bytes=10)
    added = small.post("/books", json=body("Sechs ä"))  # eight bytes
    assert added.status_code == 202
    assert problem(small.post("/books", json=body("Ten")), 403, "quota-reached")["quota"] == "bytes"
    revised = small.post(f"/books/{added.json()['book']['id']}/revisions", json=body("Ten"))
    assert problem(revised, 403, "quota-reached")["limit"] == 10
    assert len(small.get(f"/books/{added.json()['book']['id']}/revisions").json()["data"]) == 1
    assert small.post("/books", json=body("Ok")).status_code == 202


def test_jobs_read_no_more_tokens_than_their_key_allows(
    caller: Caller, running: tuple[Client, Database]
) -> None:
    frugal = caller("frugal", most_training_tokens=1000)
    added = frugal.post("/books", json=body(STORY, budget_tokens=600))
    assert added.status_code == 202
    path = f"/books/{added.json()['book']['id']}/versions"
    more = {"recipe": {**QUICK, "budget_tokens": 600}}
    assert problem(frugal.post(path, json=more), 403, "quota-reached")["quota"] == "training tokens"
    # Without a budget the text counts, as often as it is read.
    problem(frugal.post(path, json={"recipe": {**QUICK, "epochs": 100}}), 403, "quota-reached")
    assert frugal.post(path, json={"recipe": {**QUICK, "budget_tokens": 400}}).status_code == 202
    problem(frugal.post(path, json={"recipe": {**QUICK, "budget_tokens": 1}}), 403, "quota-reached")
    _, database = running
    with database.read() as session:
        [used] = [key.training_tokens for key in keys.list_keys(session) if key.name == "frugal"]
    assert used == 1000


def lines(client: Client, **wanted: str) -> list[tuple[str, str, str, int]]:
    """Who, method, path and status, newest first."""
    headers = {"Authorization": "Bearer sesame"}
    answer = httpx.get(f"{client.url}/admin/audit", params=wanted, headers=headers, trust_env=False)
    return [(line["who"], line["method"], line["path"], line["status"]) for line in answer.json()["data"]]


def test_14_the_audit_log_says_who_did_what_and_who_asked_for_what_is_not_theirs(
    caller: Caller, running: tuple[Client, Database]
) -> None:
    client, _ = running
    anna, ben, reader = caller("anna"), caller("ben"), caller("reads", "reader")
    book = anna.post("/books", json=body("Anna's.")).json()["book"]["id"]
    assert anna.get(f"/books/{book}").status_code == 200
    assert anna.post("/ask", json={"question": "Who?"}).status_code == 200
    assert anna.get(f"/admin/books/{book}/versions").status_code == 200
    assert lines(client, who="anna") == [
        ("anna", "GET", f"/admin/books/{book}/versions", 200),
        ("anna", "POST", "/books", 202),
    ]
    problem(ben.get(f"/books/{book}"), 404, "not-found")
    problem(ben.post("/ask", json={"question": "Who?", "books": [book]}), 404, "not-found")
    problem(ben.delete(f"/books/{book}%00"), 422, "invalid-request")
    assert lines(client, who="ben") == [
        ("ben", "DELETE", f"/books/{book}%00", 422),
        ("ben", "POST", "/ask", 404),
        ("ben", "GET", f"/books/{book}", 404),
    ]
    problem(reader.get("/admin/prompts"), 403, "role-too-low")
    problem(reader.post("/books", json=body("Mine.")), 403, "role-too-low")
    assert lines(client, who="reads") == [
        ("reads", "POST", "/books", 403),
        ("reads", "GET", "/admin/prompts", 403),
    ]
    # Whoever has no key could fill the disk with lines.
    before = lines(client)
    assert httpx.delete(f"{client.url}/books/{book}", trust_env=False).status_code == 401
    assert httpx.post(f"{client.url}/docs", trust_env=False).status_code == 401
    assert lines(client)[1:] == before[: len(before)][:49]


def test_lines_are_kept_for_so_many_days(database: Database) -> None:
    def line(who: str) -> AuditLine:
        return AuditLine(who=who, key_id=None, role="admin", method="POST", path="/books", status=202)

    now = utcnow()
    with database.write() as session:
        for name, days in (("old", 40), ("new", 20)):
            old = line(name)
            old.at = now - timedelta(days=days)
            audit.add(session, old, days=0)
        audit.add(session, line("now"), days=30)
        found, more = audit.list_lines(session)
        assert ([each.who for each in found], more) == (["now", "new"], False)
        first, more = audit.list_lines(session, limit=1)
        assert ([each.who for each in first], more) == (["now"], True)
        rest, _ = audit.list_lines(session, after=first[0].id)
        assert [each.who for each in rest] == ["new"]
