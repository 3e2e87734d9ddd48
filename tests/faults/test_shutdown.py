"""Fault 20: a service that is asked to end while it trains and answers."""

import socket
from pathlib import Path

import httpx
from sqlalchemy import select

from app.client import Client
from store.database import Database
from store.tables import Checkpoint, Job
from tests.faults.test_killed_training import learn, until_step
from tests.service.conftest import service, service_process

BODY = b'{"question": "Who kept a green lamp?", "seed": 3}'
CALL = (
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", '
    b'"params": {"name": "ask", "arguments": {"question": "Who kept a green lamp?", "min_confidence": 0}}}'
)


def begin_to_ask(client: Client, path: str = "/ask", body: bytes = BODY) -> socket.socket:
    """An ask that the service reads, and whose body is not sent yet."""
    address = httpx.URL(client.url)
    asking = socket.create_connection((address.host, address.port or 80), timeout=60)
    head = f"POST {path} HTTP/1.1\r\nHost: {address.host}\r\nContent-Type: application/json\r\n"
    head += "Accept: application/json, text/event-stream\r\n"
    length = f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    asking.sendall((head + length).encode())
    assert asking.recv(65536).startswith(b"HTTP/1.1 100")
    return asking


def answer(asking: socket.socket, body: bytes = BODY) -> bytes:
    with asking:
        asking.sendall(body)
        said = b""
        while part := asking.recv(65536):
            said += part
        return said


def until_leaving(client: Client) -> None:
    """Return once the service says that it ends."""
    while True:
        ready = httpx.get(f"{client.url}/readyz", trust_env=False, timeout=60)
        if "shutting down" in ready.json()["detail"]:
            assert ready.status_code == 503
            return


def test_20_sigterm_lets_an_ask_be_answered_and_gives_the_job_back(tmp_path: Path, tiny_folder: Path) -> None:
    model = ("--model", str(tiny_folder))
    with service_process(tmp_path, *model) as (client, child):
        job = learn(client)
        until_step(client, job, 2)
        asking, assistant = begin_to_ask(client), begin_to_ask(client, "/mcp", CALL)
        child._process.terminate()
        until_leaving(client)
        for path in ("books", f"jobs/{job}"):
            refused = httpx.get(f"{client.url}/{path}", trust_env=False, timeout=60)
            assert refused.status_code == 503
            assert refused.json()["type"] == "/problems/shutting-down"
            assert "retry-after" in refused.headers
        assert httpx.get(f"{client.url}/livez", trust_env=False, timeout=60).status_code == 200
        assert answer(asking).startswith(b"HTTP/1.1 200 OK")
        # The ask that its tool makes within the service belongs to a request that was there before.
        called = answer(assistant, CALL)
        assert called.startswith(b"HTTP/1.1 200 OK")
        assert b'"isError":false' in called
        assert child.wait() == 0
        assert "Traceback" not in child.tail(200)
    database = Database(f"sqlite:///{tmp_path / 'data' / 'bookchorus.db'}")
    with database.read() as session:
        kept = session.scalars(select(Checkpoint)).one()
        left = session.get(Job, job)
        assert left is not None
        assert left.progress is not None
        # The last step of all, and not one of some seconds before; it may be one that was not told any more.
        assert kept.step - left.progress["step"] in (0, 1)
    database.close()
    with service(tmp_path, *model) as client:
        events = list(client.follow(job))
        ended = client.job(job)
    [resumed] = [each for each in events if each.data.get("kind") == "resumed"]
    assert resumed.data["step"] == kept.step >= 3
    assert events[-1].data["kind"] == "succeeded"
    assert [each.outcome for each in ended.history] == ["given-back", "succeeded"]
    assert ended.attempts == 1


def test_20_a_service_without_work_ends_at_once(tmp_path: Path, tiny_folder: Path) -> None:
    with service_process(tmp_path, "--model", str(tiny_folder)) as (_, child):
        child._process.terminate()
        assert child.wait() == 0
