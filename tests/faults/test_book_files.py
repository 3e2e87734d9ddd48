"""Books' files that mean harm, and uploads that break off: what is left is looked for, not only answered."""

import os
import socket
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import files
from tests.app.parsing.test_sandbox import HUGE
from tests.faults.test_bad_input import problem
from tests.files import lines, xhtml
from tests.processes import descendants
from tests.service.conftest import client, http, service, shared_service  # noqa: F401 - fixtures

WORDS = xhtml("<h1>One</h1><p>Mira kept a green lamp in the tower of Ost.</p>")


def rows(http: httpx.Client) -> list[str]:  # noqa: F811
    return [book["id"] for book in http.get("/books", params={"limit": 200}).json()["data"]]


def readers() -> dict[int, str]:
    """The processes that read books for any service of these tests."""
    started = descendants(os.getpid())
    return {pid: command for pid, command in started.items() if " -m app.parsing " in command}


@pytest.fixture(autouse=True)
def nothing_is_left(http: httpx.Client) -> Iterator[None]:  # noqa: F811
    """A refused book leaves no row and no process, and the server answers."""
    before = rows(http)
    yield
    assert rows(http) == before
    assert readers() == {}
    assert http.get("/readyz").status_code == 200


def send(http: httpx.Client, data: bytes, name: str = "book.epub") -> httpx.Response:  # noqa: F811
    return http.post("/books", files={"file": (name, data)})


def lying() -> bytes:
    """An EPUB whose directory says that ten megabytes are ten bytes."""
    data = bytearray(files.epub({"one.xhtml": xhtml("<p>" + "lamp " * 100_000 + "</p>")}))
    directory = data.rindex(b"OEBPS/one.xhtml") - 46
    struct.pack_into("<I", data, directory + 24, 10)
    return bytes(data)


BOMBS = {
    "epub": files.epub({"one.xhtml": xhtml("<p>" + " " * 40_000_000 + "</p>")}),
    "docx": files.docx("", more={"word/media/image1.png": b"\0" * 40_000_000}),
    "declared": files.epub({"one.xhtml": WORDS}, more={"a.png": b"\0" * 51_000_000}),
    "lying": lying(),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_06_a_bomb_is_not_unpacked(http: httpx.Client, bomb: str) -> None:  # noqa: F811
    body = problem(send(http, BOMBS[bomb]), 422, "archive-too-large")
    assert {"limit_bytes", "limit_ratio"} & set(body)


def encrypted() -> bytes:
    data = bytearray(files.epub({"one.xhtml": WORDS}))
    data[data.rindex(b"OEBPS/one.xhtml") - 46 + 8] |= 1
    return bytes(data)


def linked() -> bytes:
    data = bytearray(files.epub({"one.xhtml": WORDS}, more={"OEBPS/link": b"/etc/passwd"}))
    struct.pack_into("<I", data, data.rindex(b"OEBPS/link") - 46 + 38, 0o120777 << 16)
    return bytes(data)


HARMFUL = {
    "parent": files.epub({"one.xhtml": WORDS}, more={"../outside.txt": "x"}),
    "absolute": files.epub({"one.xhtml": WORDS}, more={"/tmp/outside.txt": "x"}),
    "link": linked(),
    "encrypted": encrypted(),
    "protected": files.epub(
        {"one.xhtml": WORDS},
        more={
            "META-INF/encryption.xml": '<encryption><EncryptedData><EncryptionMethod Algorithm="aes"/>'
            "</EncryptedData></encryption>"
        },
    ),
    "cut": files.epub({"one.xhtml": WORDS})[:-40],
    "of something else": files.zipped({"a.txt": "x"}),
}


@pytest.mark.parametrize("harm", HARMFUL)
def test_07_an_archive_that_reaches_out_is_refused(
    http: httpx.Client,  # noqa: F811
    harm: str,
    tmp_path: Path,
) -> None:
    before = sorted(tmp_path.parent.rglob("outside.txt"))
    problem(send(http, HARMFUL[harm]), 422, "bad-archive")
    assert sorted(tmp_path.parent.rglob("outside.txt")) == before == []
    assert not Path("/tmp/outside.txt").exists()


def locked() -> bytes:
    """A PDF that asks for a password: its key fits none."""
    key = "/Filter/Standard/V 1/R 2/P -4/O<" + "00" * 32 + ">/U<" + "11" * 32 + ">"
    return files.pdf([lines("Locked away.")], more=[f"<<{key}>>"]).replace(
        b"/Root 1 0 R", b"/Root 1 0 R/Encrypt 6 0 R/ID[<00><00>]"
    )


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (HUGE, "parse-timeout"),
        (locked(), "password-protected"),
        (files.pdf([b"0 0 1 rg 50 50 200 200 re f"] * 3), "no-text"),
        (files.pdf([lines("x")]).replace(b"/Kids[4 0 R]", b"/Kids[2 0 R]"), "unreadable-book"),
        (b"%PDF-1.7 and nothing else", "unreadable-book"),
    ],
    ids=["huge", "password", "images", "loop", "damaged"],
)
def test_08_a_pdf_that_cannot_be_read_is_refused(http: httpx.Client, data: bytes, slug: str) -> None:  # noqa: F811
    problem(send(http, data, "book.pdf"), 422, slug)


def test_03_an_upload_that_breaks_off_leaves_nothing(
    tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setenv("TMPDIR", str(spool))
    with service(tmp_path, "--model", str(tiny_folder)) as server:
        url = httpx.URL(server.url)
        for kind in (b"multipart/form-data; boundary=b", b"application/json"):
            with socket.create_connection((url.host, url.port or 0)) as connection:
                connection.sendall(
                    b"POST /books HTTP/1.1\r\nHost: localhost\r\nContent-Length: 19000000\r\nContent-Type: "
                    + kind
                    + b'\r\n\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
                )
                for _ in range(12):
                    connection.sendall(b"Mira kept a lamp.\n" * 60_000)
                connection.shutdown(socket.SHUT_WR)
                # The server has seen the end when it closes its side.
                assert connection.recv(65_536) == b""
        with httpx.Client(base_url=server.url, trust_env=False) as other:
            assert other.get("/readyz").status_code == 200
            assert rows(other) == []
        assert list(spool.iterdir()) == []
        with sqlite3.connect(tmp_path / "data" / "bookchorus.db") as database:
            assert database.execute("SELECT count(*) FROM books").fetchone() == (0,)
        database.close()
    assert "Traceback" not in (tmp_path / "serve.log").read_text()
