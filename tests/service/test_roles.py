"""Faults 14 and 15: what each key may do, route by route; the list of routes is the service's own."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.client import Client
from app.http.problem_statuses import OWN
from store import keys, threads
from store.database import Database
from store.tables import Role, utcnow
from tests.docs.problem_names import ProblemNames
from tests.faults.test_bad_input import problem
from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.tiny import STORY

ASKED = {"question": "Who kept the lamp?", "books": ["BOOK"], "k": 1, "min_confidence": 0}
CHAT = {"model": "BOOK", "messages": [{"role": "user", "content": "Who kept the lamp?"}]}
ADD = {"changes": [{"change": "add", "text": "What burned?", "answer": "butter"}]}


@dataclass(frozen=True)
class Row:
    """A route: the least role, the body that is sent, what the owner gets, what another owner does, and the
    query behind its path.
    """

    least: Role | None
    body: Any = None
    owner: int = 200
    other: int = 404
    query: str = ""


ROUTES = {
    "GET /livez": Row(None, other=200),
    "GET /readyz": Row(None, other=200),
    "GET /metrics": Row("reader", other=200),
    "GET /books": Row("reader", other=200),
    "POST /books": Row("writer", {"title": "New", "text": STORY + "NAME", "recipe": QUICK}, 202, 202),
    "GET /books/{book_id}": Row("reader"),
    "PATCH /books/{book_id}": Row("writer", {"author": "M. Ost"}),
    "GET /books/{book_id}/revisions": Row("reader"),
    "GET /books/{book_id}/text": Row("reader"),
    "GET /books/{book_id}/questions": Row("reader"),
    "PATCH /books/{book_id}/questions": Row("writer", ADD),
    "POST /ask": Row("reader", ASKED),
    "GET /passages": Row("reader", query="?query=lamp&book={book_id}"),
    "GET /passages/{passage_id}": Row("reader"),
    "POST /v1/chat/completions": Row("reader", CHAT),
    "GET /v1/models": Row("reader", other=200),
    "GET /v1/models/{model_id}": Row("reader"),
    "GET /jobs": Row("reader", other=200),
    "GET /threads": Row("reader", other=200),
    "POST /threads": Row("reader", {"title": "Lamps"}, 201, 201),
    "GET /threads/{thread_id}": Row("reader"),
    "GET /threads/{thread_id}/export": Row("reader"),
    "PATCH /threads/{thread_id}": Row("reader", {"title": "Lamps"}),
    "DELETE /threads/{thread_id}": Row("reader", None, 204),
    "GET /jobs/{job_id}": Row("reader"),
    "GET /jobs/{job_id}/events": Row("reader"),
    "POST /jobs/{job_id}/cancel": Row("writer"),
    "GET /admin/prompts": Row("writer", other=200),
    "GET /admin/books/{book_id}/versions": Row("writer"),
    "GET /admin/books/{book_id}/versions/{ref}": Row("writer"),
    "GET /admin/books/{book_id}/versions/{ref}/export": Row("writer"),
    "GET /admin/books/{book_id}/versions/{ref}/inspect": Row("writer"),
    "POST /admin/books/{book_id}/versions/import": Row("writer", b"no archive", 422),
    "POST /admin/books/{book_id}/compare": Row("writer", {"versions": [1, 1], "questions": ["Who?"]}),
    "GET /admin/books/{book_id}/aliases": Row("writer"),
    "GET /admin/books/{book_id}/aliases/{alias}": Row("writer"),
    "PUT /admin/books/{book_id}/aliases/{alias}": Row("writer", {"version": 1}),
    "POST /admin/books/{book_id}/aliases/{alias}/rollback": Row("writer", None, 409),
    "DELETE /admin/books/{book_id}/aliases/{alias}": Row("writer"),
    "POST /admin/books/{book_id}/prune": Row("writer", {"keep": 1}),
    "DELETE /admin/books/{book_id}/versions/{ref}": Row("writer", None, 409),
    "POST /books/{book_id}/versions": Row("writer", {"recipe": QUICK}, 202),
    "POST /books/{book_id}/revisions": Row("writer", {"title": "Again", "text": STORY + "again"}, 202),
    "GET /admin/skills": Row("admin", other=403),
    "GET /admin/backup": Row("admin", other=403),
    "GET /admin/audit": Row("admin", other=403),
    "GET /admin/keys": Row("admin", other=403),
    "POST /admin/keys": Row("admin", {"name": "lamp"}, 201, 403),
    "DELETE /admin/keys/{key_id}": Row("admin", other=403),
    "POST /admin/verify": Row("admin", other=403),
    "POST /admin/rebuild": Row("admin", other=403),
    # Last: then it is gone.
    "DELETE /books/{book_id}": Row("writer", None, 204),
}
RANKS = ("reader", "writer", "admin")


@dataclass(frozen=True)
class Library:
    """A service, its database, a book of anna's with its job, and the keys of all callers."""

    client: Client
    # Of calls with any key: each new one would read all certificates of the machine.
    http: httpx.Client
    database: Database
    book: str
    job: str
    keys: dict[str, str]
    # The id of one that nobody uses any more.
    revoked: str

    def thread(self, owner: str, turns: int = 0) -> str:
        """A new thread of theirs, with so many turns."""
        with self.database.write() as session:
            row = threads.begin(session, owner)
            for _ in range(turns):
                threads.add_turn(session, row, question="Who?", answer={}, books=[], words=["who"])
            return row.id

    def call(self, route: str, who: str | None, body: Any = None, **ids: str) -> httpx.Response:
        method, _, path = route.partition(" ")
        known = {"book_id": self.book, "job_id": self.job, "ref": "1", "alias": "best"}
        known |= {"model_id": f"{self.book}@1", "passage_id": "1", "key_id": self.revoked}
        if "{thread_id}" in path and "thread_id" not in ids:
            known["thread_id"] = self.thread("anna")
        query = ROUTES[route].query if route in ROUTES else ""
        path = re.sub(r"\{(\w+)\}", lambda found: (known | ids)[found[1]], path + query)
        headers = {} if who is None else {"Authorization": f"Bearer {self.keys[who]}"}
        content: Any = body
        if body is not None and not isinstance(body, bytes):
            content = json.dumps(body).replace("BOOK", self.book).replace("NAME", str(who)).encode()
            headers["Content-Type"] = "application/json"
        return self.http.request(method, path, content=content, headers=headers)


@pytest.fixture(scope="module")
def library(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("roles")
    with service(folder, "--model", str(tiny_folder)) as client:
        database = Database(f"sqlite:///{folder / 'data' / 'bookchorus.db'}")
        # The service runs already, and was open until now.
        assert httpx.get(client.url + "/books", trust_env=False).status_code == 200
        made = {"wrong": "key_0000000000000000.x"}
        with database.write() as session:
            wanted: list[tuple[str, Role, str]] = [
                ("reader", "reader", "anna"),
                ("writer", "writer", "anna"),
                ("admin", "admin", "local"),
                ("other reader", "reader", "ben"),
                ("other", "writer", "ben"),
                ("expired", "admin", "anna"),
                # The last of them is revoked.
                ("revoked", "admin", "anna"),
            ]
            for name, role, owner in wanted:
                ended = utcnow() - timedelta(seconds=1) if name == "expired" else None
                key, made[name] = keys.add(session, name=name, role=role, owner=owner, expires_at=ended)
            keys.revoke(session, key.id)
        with Client(client.url, made["writer"]) as writer:
            added = writer.add(STORY + "anna's", title="Lamp", recipe=QUICK)
            assert added.job is not None
            list(writer.follow(added.job.id))
        with httpx.Client(base_url=client.url, timeout=120, trust_env=False) as http:
            yield Library(client, http, database, added.book.id, added.job.id, made, key.id)
        database.close()


def test_the_table_is_the_services_own_list_of_routes(library: Library) -> None:
    paths = httpx.get(library.client.url + "/openapi.json", trust_env=False).json()["paths"]
    known = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert set(ROUTES) == known


@pytest.fixture(scope="module")
def told(library: Library) -> dict[str, dict[str, Any]]:
    """What the description of the API says of each route's answers."""
    paths = httpx.get(library.client.url + "/openapi.json", trust_env=False).json()["paths"]
    return {
        f"{method.upper()} {path}": operation["responses"]
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def test_the_problems_that_are_described_are_those_there_are(told: dict[str, dict[str, Any]]) -> None:
    named = set(re.findall(r"`([a-z-]+)`", json.dumps(told)))
    assert named <= ProblemNames().of("Problem")
    assert set(OWN) <= set(ROUTES)


@pytest.mark.parametrize("route", ROUTES)
def test_each_route_is_for_those_it_is_for(
    library: Library, told: dict[str, dict[str, Any]], route: str
) -> None:
    row = ROUTES[route]

    def call(route: str, who: str | None, body: Any = None, **ids: str) -> httpx.Response:
        answer = library.call(route, who, body, **ids)
        described = told[route].get(str(answer.status_code))
        assert described is not None, f"{answer.status_code} is not in the description of {route}"
        if answer.status_code >= 400:
            problem = answer.json()
            name = (
                problem["type"].removeprefix("/problems/") if "type" in problem else problem["error"]["code"]
            )
            assert f"`{name}`" in described["description"]
        return answer

    for who, slug in ((None, "missing"), ("wrong", "wrong"), ("expired", "expired"), ("revoked", "revoked")):
        answer = call(route, who, row.body)
        if row.least is None:
            assert answer.status_code == row.owner
        else:
            assert answer.status_code == 401, who
            assert f"key-{slug}" in answer.text
    for who in ("reader", "other reader"):
        answer = call(route, who, row.body)
        if row.least in ("writer", "admin"):
            problem(answer, 403, "role-too-low")
        else:
            assert answer.status_code == (row.owner if who == "reader" else row.other)
    theirs = call(route, "other", row.body)
    assert theirs.status_code == row.other
    if row.other == 404:
        # The same words as of what is not there.
        nowhere = "book_0000000000000000"
        body = (
            json.loads(json.dumps(row.body).replace("BOOK", nowhere))
            if isinstance(row.body, dict)
            else row.body
        )
        ids = {"book_id": nowhere, "job_id": "job_0000000000000000", "passage_id": "1000000"}
        ids["thread_id"] = "thread_0000000000000000"
        unknown = call(route, "other", body, **ids)
        assert unknown.status_code == 404
        assert without_ids(unknown.text) == without_ids(theirs.text)
    least = row.least or "reader"
    for who in RANKS[RANKS.index(least) :]:
        if who == "reader":
            continue
        if route == "DELETE /books/{book_id}" and who == "admin":
            continue
        if row.least == "admin" or who == "writer":
            assert call(route, who, row.body).status_code == row.owner
        else:
            assert call(route, who, row.body).status_code not in (401, 403)


def without_ids(text: str) -> str:
    return re.sub(r"(book|job|thread)_[0-9a-f]{16}|(?<=passage )\d+", "ID", text)


def test_14_nothing_of_another_library_is_seen_or_found(library: Library) -> None:
    with Client(library.client.url, library.keys["writer"]) as writer:
        mine = writer.add(STORY + "hidden", title="Hidden", author="M. Ost", tags=["sea"], recipe=QUICK)
        assert mine.job is not None
        list(writer.follow(mine.job.id))
        version = writer.versions(book=mine.book.id)[0]
        assert mine.book.owner == "anna"
    other = {"Authorization": f"Bearer {library.keys['other']}"}
    with httpx.Client(base_url=library.client.url, headers=other, timeout=60, trust_env=False) as http:
        own = http.post("/books", json={"title": "Own", "text": STORY + "own", "recipe": QUICK})
        assert own.status_code == 202
        listed = http.get("/books").json()["data"]
        assert {book["owner"] for book in listed} == {"ben"}
        assert http.get("/books", params={"author": "m. ost"}).json()["data"] == []
        assert http.get("/books", params={"tag": "sea"}).json()["data"] == []
        assert http.get("/books", params={"sha256": mine.book.sha256}).json()["data"] == []
        problem(http.get("/books", params={"after": mine.book.id}), 404, "not-found")
        jobs = {job["book"] for job in http.get("/jobs").json()["data"]}
        assert jobs <= {book["id"] for book in listed}
        assert http.get("/jobs", params={"book": mine.book.id}).json()["data"] == []
        problem(http.get("/jobs", params={"after": mine.job.id}), 404, "not-found")
        assert {one["book"] for one in http.get("/admin/prompts").json()["data"]} <= {
            book["id"] for book in listed
        }
        assert http.get("/admin/prompts", params={"book": mine.book.id}).json()["data"] == []
        problem(http.get("/admin/prompts", params={"after": version.id}), 404, "not-found")
        models = {model["id"] for model in http.get("/v1/models").json()["data"]}
        assert not {name for name in models if name.startswith(mine.book.id)}
        asked = {"question": "Who kept the lamp?", "k": 2, "min_confidence": 0}
        cited = {one["book"] for one in http.post("/ask", json=asked).json()["citations"]}
        assert cited <= {book["id"] for book in listed}
        for books in ([mine.book.id], [f"{mine.book.id}@champion"], [f"{mine.book.id}@1"]):
            problem(http.post("/ask", json=asked | {"books": books}), 404, "not-found")
        problem(http.post("/ask", json=asked | {"authors": ["M. Ost"]}), 404, "no-book-fits")
        chat = {"model": f"{mine.book.id}@champion", "messages": CHAT["messages"]}
        assert http.post("/v1/chat/completions", json=chat).status_code == 404
        # The same bytes are a book of their own: they do not even tell that somebody has them.
        again = http.post("/books", json={"title": "Mine", "text": STORY + "hidden", "recipe": QUICK})
        assert again.status_code == 202
        assert again.json()["book"]["id"] != mine.book.id
        assert (again.json()["book"]["title"], again.json()["book"]["owner"]) == ("Mine", "ben")
        twice = http.post("/books", json={"title": "Mine", "text": STORY + "hidden", "recipe": QUICK})
        assert (twice.status_code, twice.json()["book"]["id"]) == (200, again.json()["book"]["id"])
        revised = {"title": "Mine", "text": STORY + "hidden", "recipe": QUICK}
        another = http.post("/books", json={"title": "More", "text": STORY + "more", "recipe": QUICK})
        path = f"/books/{another.json()['book']['id']}/revisions"
        assert (
            problem(http.post(path, json=revised), 409, "book-exists")["book"] == again.json()["book"]["id"]
        )
    with Client(library.client.url, library.keys["admin"]) as admin:
        assert {"anna", "ben"} <= {book.owner for book in admin.books()}
        # An admin sees every book, and adds to one library: it is asked whether the file is there.
        assert admin.books(sha256=mine.book.sha256) == []


def test_14_a_thread_is_its_owners_alone(library: Library) -> None:
    with Client(library.client.url, library.keys["writer"]) as writer:
        book = writer.add(STORY + "in a thread", title="Lamps", recipe=QUICK).book.id
    asked = {**ASKED, "books": [book]}
    assert library.call("POST /threads", "reader", {}).status_code == 201
    answer = library.call("POST /ask", "reader", {**asked, "thread": "new"})
    assert answer.status_code == 200, answer.text
    kept = answer.json()["thread"]
    for who in ("reader", "writer"):
        [first] = library.call("GET /threads", who, None).json()["data"][:1]
        assert first["id"] == kept
        again = library.call("POST /ask", who, {**asked, "books": None, "thread": kept})
        assert (again.status_code, again.json()["thread"]) == (200, kept)
    # No role sees what another asks, and nobody goes on in it.
    for who in ("other reader", "other", "admin"):
        assert kept not in library.call("GET /threads", who, None).text
        problem(library.call("GET /threads/{thread_id}", who, None, thread_id=kept), 404, "not-found")
        problem(library.call("POST /ask", who, {"question": "Who?", "thread": kept}), 404, "not-found")
    lines = library.call("GET /admin/audit", "admin", None).json()["data"]
    assert ("POST", "/threads") in {(line["method"], line["path"]) for line in lines}
    assert "/ask" not in {line["path"] for line in lines if line["status"] == 200}


def test_a_full_thread_is_told_before_anybody_answers(library: Library) -> None:
    full = library.thread("anna", threads.MOST_TURNS)
    told = problem(library.call("POST /ask", "reader", {**ASKED, "thread": full}), 409, "thread-full")
    assert told["limit"] == threads.MOST_TURNS
    assert "begin a new one" in str(told["detail"])


def test_a_library_without_books_says_so(library: Library) -> None:
    with library.database.write() as session:
        _, text = keys.add(session, name="new", role="reader", owner="nobody yet")
    headers = {"Authorization": f"Bearer {text}"}
    answer = httpx.post(
        f"{library.client.url}/ask", json={"question": "Who?"}, headers=headers, trust_env=False
    )
    empty = str(problem(answer, 409, "no-books")["detail"])
    assert "bookchorus add FILE" in empty
    assert "POST /books" in empty


def test_a_key_that_is_revoked_opens_nothing_from_then_on(library: Library) -> None:
    with library.database.write() as session:
        key, text = keys.add(session, name="short", role="reader", owner="anna")
    headers = {"Authorization": f"Bearer {text}"}
    assert httpx.get(f"{library.client.url}/books", headers=headers, trust_env=False).status_code == 200
    with library.database.write() as session:
        keys.revoke(session, key.id)
    refused = httpx.get(f"{library.client.url}/books", headers=headers, trust_env=False)
    problem(refused, 401, "key-revoked")
