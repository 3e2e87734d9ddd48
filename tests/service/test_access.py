"""Faults 1, 2 and 31: who is let in is decided before a byte of the body is read."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.client import Client
from tests.faults.test_bad_input import ids, problem
from tests.service.conftest import client, http, service, shared_service  # noqa: F401 - fixtures
from tests.service.test_books import upload
from tests.tiny import STORY

GIGABYTE = 1_000_000_000


def answer_to_the_head(url: str, path: str, method: str = "POST", **headers: str) -> httpx.Response:
    """The answer to a request of which the head alone is sent: the body that it declares never comes."""
    address = httpx.URL(url)
    told = {"Host": f"{address.host}:{address.port}", "Content-Length": str(GIGABYTE)}
    told |= {"Content-Type": "application/json"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    with socket.create_connection((address.host, address.port or 80), timeout=20) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1"))
        received = b""
        while b"\r\n\r\n" not in received or not complete(received):
            piece = connection.recv(65_536)
            assert piece, "the connection ended"
            received += piece
    top, _, body = received.partition(b"\r\n\r\n")
    lines = top.decode("latin-1").split("\r\n")
    fields = [tuple(line.split(": ", 1)) for line in lines[1:]]
    return httpx.Response(int(lines[0].split()[1]), headers=fields, content=body)  # type: ignore[arg-type]


def complete(received: bytes) -> bool:
    top, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in top.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(lengths) and len(body) >= int(lengths[0].split(b":")[1])


@pytest.fixture(scope="module")
def guarded(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service with a key, which pages of one other origin may call."""
    folder = tmp_path_factory.mktemp("guarded")
    settings = {"admin_key": "sesame", "cors_origins": "https://shelf.example", "max_book_bytes": "200000"}
    with service(folder, "--model", str(tiny_folder), **settings) as client:  # noqa: F811
        yield client


@pytest.mark.parametrize(
    ("header", "slug"),
    [
        ({}, "key-missing"),
        ({"Authorization": "Bearer wrong"}, "key-wrong"),
        ({"Authorization": "Bearer key_0000000000000000.AAAA"}, "key-wrong"),
        ({"Authorization": "bearer \xff\x80"}, "key-wrong"),
        ({"Authorization": "Basic c2VzYW1l"}, "key-missing"),
        ({"Authorization": "Bearer "}, "key-missing"),
    ],
    ids=["none", "wrong", "unknown id", "bytes", "basic", "empty"],
)
@pytest.mark.parametrize(
    "path",
    ["/books", "/ask", "/admin/books/book_1/versions/import", "/v1/chat/completions", "/nowhere"],
)
def test_02_without_a_key_in_force_no_byte_of_the_body_is_read(
    guarded: Client, path: str, header: dict[str, str], slug: str
) -> None:
    answer = answer_to_the_head(guarded.url, path, **header)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    told = answer.json()
    assert slug in (told["error"]["code"] if path.startswith("/v1") else told["type"])


def test_02_a_gigabyte_that_is_sent_with_a_wrong_key_is_kept_nowhere(guarded: Client) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        while sent < GIGABYTE:
            sent += 1 << 20
            yield b"x" * (1 << 20)

    headers = {"Authorization": "Bearer wrong", "Content-Type": "application/json"}
    with httpx.Client(base_url=guarded.url, timeout=60, trust_env=False) as http:  # noqa: F811
        # A client that sees the answer stops to send; one that does not is cut off or read to nowhere.
        try:
            assert http.post("/books", content=body(), headers=headers).status_code == 401
        except httpx.WriteError:
            assert sent < GIGABYTE
        assert http.get("/livez").status_code == 200


def test_01_a_body_that_is_declared_too_large_is_not_read(guarded: Client) -> None:
    key = {"Authorization": "Bearer sesame"}
    for path, slug in (
        ("/books", "book-too-large"),
        ("/ask", "book-too-large"),
        ("/nowhere", "book-too-large"),
    ):
        assert "200000" in str(problem(answer_to_the_head(guarded.url, path, **key), 413, slug)["detail"])
    chat = answer_to_the_head(guarded.url, "/v1/chat/completions", **key)
    assert (chat.status_code, chat.json()["error"]["code"]) == (413, "book-too-large")
    imported = answer_to_the_head(guarded.url, "/admin/books/book_1/versions/import", **key)
    assert "archive-too-large" in imported.json()["type"] or imported.status_code == 404


def test_01_a_body_without_a_length_is_read_to_the_cap_alone(guarded: Client) -> None:
    headers = {"Authorization": "Bearer sesame", "Content-Type": "application/json"}
    with httpx.Client(base_url=guarded.url, timeout=60, trust_env=False, headers=headers) as http:  # noqa: F811
        before = ids(http)
        answer = http.post("/books", content=(b"x" * 10_000 for _ in range(40)))
        assert "200000" in str(problem(answer, 413, "book-too-large")["detail"])
        form = {"Content-Type": "multipart/form-data; boundary=b"}
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        answer = http.post("/books", content=iter([head, *[b"x" * 10_000] * 40]), headers=form)
        problem(answer, 413, "book-too-large")
        assert ids(http) == before


def test_uploads_and_asks_need_a_key_where_there_is_one(guarded: Client) -> None:
    with httpx.Client(base_url=guarded.url, timeout=60, trust_env=False) as http:  # noqa: F811
        problem(upload(http, STORY), 401, "key-missing")
        problem(http.post("/ask", json={"question": "Who?"}), 401, "key-missing")
        problem(http.get("/books"), 401, "key-missing")
        files = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")
        shown = [f"/docs/files/{name}" for name in files]
        for path in ("/livez", "/readyz", "/openapi.json", "/docs", *shown):
            assert http.get(path).status_code == 200, path
    assert guarded.add(STORY, title="Lamp").book.title == "Lamp"


FOREIGN = {
    "rebound name": {"Host": "books.example"},
    "rebound name with the port": {"Host": "books.example:8000"},
    "name that begins like ours": {"Host": "localhost.books.example"},
    "address of another machine": {"Host": "192.168.1.2:8000"},
    "script of another site": {"Origin": "https://books.example"},
    "script of a sandboxed page": {"Origin": "null"},
    "page of another port": {"Origin": "http://127.0.0.1:1"},
    "origin that begins like ours": {"Origin": "http://127.0.0.1.books.example"},
    "image of another site": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "frame of another site": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "iframe",
    },
    "page of another port without an origin": {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_31_without_a_key_what_comes_from_elsewhere_is_refused(
    client: Client,  # noqa: F811
    http: httpx.Client,  # noqa: F811
    headers: dict[str, str],
) -> None:
    before = ids(http)
    for path in ("/books", "/ask", "/admin/rebuild", "/v1/chat/completions", "/nowhere"):
        answer = answer_to_the_head(client.url, path, **headers)
        assert answer.status_code == 403
        assert "foreign-origin" in answer.text
    for path in ("/books", "/admin/backup", "/docs", "/openapi.json"):
        problem(http.get(path, headers=headers), 403, "foreign-origin")
    assert ids(http) == before


def test_31_a_form_that_a_page_elsewhere_posts_adds_no_book(http: httpx.Client) -> None:  # noqa: F811
    before = ids(http)
    for kind in ("multipart/form-data; boundary=b", "text/plain", "application/x-www-form-urlencoded"):
        headers = {"Origin": "https://books.example", "Content-Type": kind, "Sec-Fetch-Site": "cross-site"}
        body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nA.\r\n--b--\r\n'
        problem(http.post("/books", content=body, headers=headers), 403, "foreign-origin")
    assert ids(http) == before


def test_31_two_hosts_are_none_of_ours(client: Client) -> None:  # noqa: F811
    address = httpx.URL(client.url)
    with socket.create_connection((address.host, address.port or 80), timeout=20) as connection:
        own = f"Host: {address.host}:{address.port}\r\n"
        connection.sendall(f"GET /books HTTP/1.1\r\n{own}Host: books.example\r\n\r\n".encode())
        assert connection.recv(65_536).split()[1] in (b"400", b"403")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:8000"},
        {"Host": "LOCALHOST"},
        {"Host": "[::1]:8000"},
        {"Host": "localhost:8000", "Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    ],
    ids=["plain", "localhost", "upper case", "IPv6", "own page", "typed in", "a link"],
)
def test_31_this_machine_and_its_own_pages_are_let_in(http: httpx.Client, headers: dict[str, str]) -> None:  # noqa: F811
    assert http.get("/books", headers=headers).status_code == 200


def test_health_is_told_to_whoever_asks(client: Client, guarded: Client) -> None:  # noqa: F811
    for url in (client.url, guarded.url):
        for path in ("/livez", "/readyz"):
            asked = httpx.get(url + path, headers={"Host": "10.0.0.7", "Origin": "null"}, trust_env=False)
            assert asked.status_code == 200


def test_with_a_key_pages_of_the_origins_that_are_set_may_read(guarded: Client) -> None:
    page, other = {"Origin": "https://shelf.example"}, {"Origin": "https://books.example"}
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    with httpx.Client(base_url=guarded.url, timeout=60, trust_env=False) as http:  # noqa: F811
        allowed = http.options("/ask", headers=page | asked)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == page["Origin"]
        assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
        assert "access-control-allow-origin" not in http.options("/ask", headers=other | asked).headers
        # A refusal can be read as well.
        refused = http.get("/books", headers=page)
        problem(refused, 401, "key-missing")
        assert refused.headers["access-control-allow-origin"] == page["Origin"]
        assert "access-control-allow-credentials" not in refused.headers
        key = {"Authorization": "Bearer sesame"}
        assert http.get("/books", headers=page | key).headers["access-control-allow-origin"] == page["Origin"]
        # With a key in hand it is no matter where a request is from: only what a page may read.
        answer = http.get("/books", headers=other | key | {"Host": "books.example"})
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers


def test_without_a_key_pages_of_the_origins_that_are_set_may_call(tiny_folder: Path, tmp_path: Path) -> None:
    with (
        service(tmp_path, "--model", str(tiny_folder), cors_origins="https://shelf.example, *") as client,  # noqa: F811
        httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http,  # noqa: F811
    ):
        page = {"Origin": "https://shelf.example", "Sec-Fetch-Site": "cross-site"}
        assert http.get("/books", headers=page).headers["access-control-allow-origin"]
        problem(http.get("/books", headers=page | {"Origin": "https://a.example"}), 403, "foreign-origin")
        problem(http.get("/books", headers=page | {"Host": "a.example"}), 403, "foreign-origin")


def test_without_a_key_pages_of_other_origins_see_no_answer(tiny_folder: Path, tmp_path: Path) -> None:
    with (
        service(tmp_path, "--model", str(tiny_folder), cors_origins="https://shelf.example") as client,  # noqa: F811
        httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http,  # noqa: F811
    ):
        page = {"Origin": "https://shelf.example", "Access-Control-Request-Method": "POST"}
        allowed = http.options("/v1/chat/completions", headers=page)
        assert allowed.headers["access-control-allow-origin"] == page["Origin"]
        other = {"Origin": "https://a.example", "Sec-Fetch-Site": "cross-site"}
        for path in ("/v1/models", "/books"):
            assert http.get(path, headers=page).headers["access-control-allow-origin"] == page["Origin"]
            answer = http.get(path, headers=other)
            assert answer.status_code == 200
            assert "access-control-allow-origin" not in answer.headers
        problem(http.get("/books", headers=other | {"Host": "a.example"}), 403, "foreign-origin")
        # Nor may they call for anything else.
        problem(http.post("/books", headers=other), 403, "foreign-origin")
        problem(http.post("/ask", json={"question": "Who?"}, headers=other), 403, "foreign-origin")
        problem(http.delete("/books/book_1", headers=other), 403, "foreign-origin")


def test_the_body_of_an_admin_call_is_no_matter_without_a_key(guarded: Client) -> None:
    for content in (b"", b"{", b'"' + b"[" * 20_000, json.dumps({"version": 1}).encode()):
        answer = httpx.put(f"{guarded.url}/admin/books/book_1/aliases/best", content=content, trust_env=False)
        problem(answer, 401, "key-missing")
