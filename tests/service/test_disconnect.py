"""A client that goes away, seen by the work that was done for it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from anyio import CapacityLimiter
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

from app.http.disconnect import Waiting
from tests.app.client.peer import Peer


@contextmanager
def connected(app: FastAPI) -> Iterator[socket.socket]:
    """A connection to a real server of `app`."""
    with Peer().running(app) as peer:
        address = urlsplit(peer.url)
        with socket.create_connection((address.hostname, address.port)) as client:
            yield client


@pytest.mark.parametrize("stream", [False, True])
def test_work_ends_when_the_client_goes(stream: bool) -> None:
    began, ended = threading.Event(), threading.Event()
    app = FastAPI()

    def work(wanted: Callable[[], bool]) -> Iterator[bytes]:
        yield b"begun"
        began.set()
        while wanted():
            ended.wait(0.01)
        ended.set()

    @app.get("/work")
    async def answer(request: Request) -> Response:
        waiting = Waiting(request, CapacityLimiter(1))
        chunks = work(waiting.wanted)
        if stream:
            return StreamingResponse(waiting.follow(chunks))
        return Response(b"".join(await waiting.result(lambda: list(chunks))))

    with connected(app) as client:
        client.sendall(b"GET /work HTTP/1.1\r\nHost: here\r\n\r\n")
        assert began.wait(30)
        assert not ended.is_set()
        client.close()
        assert ended.wait(30)


def test_who_stays_gets_everything() -> None:
    app = FastAPI()

    @app.get("/work")
    async def answer(request: Request) -> Response:
        waiting = Waiting(request, CapacityLimiter(1))
        if await waiting.result(waiting.wanted):
            return StreamingResponse(waiting.follow(iter([b"one ", b"two"])))
        raise AssertionError

    with connected(app) as client:
        client.sendall(b"GET /work HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        answered = b"".join(iter(lambda: client.recv(4096), b""))
    assert b"200 OK" in answered
    assert b"one " in answered
    assert b"two" in answered
