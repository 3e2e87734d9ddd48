"""Fault 36: more asks at once than there is room for, while the LLM is held."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.http.server import create_app
from app.service.assembly import build
from app.settings import Settings
from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM

ASK = {"question": "Who kept a green lamp?", "min_confidence": 0}


class Held:
    """A service whose LLM does nothing until `let_go`."""

    def __init__(self, app: FastAPI, let_go: Event) -> None:
        self.app = app
        self.let_go = let_go
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", timeout=60
        )

    async def ask(self, **more: Any) -> httpx.Response:
        return await asyncio.wait_for(self.http.post("/ask", json={**ASK, **more}), 60)


@pytest.fixture
def held(tmp_path: Path, llm: FrozenLLM, room: int) -> Iterator[Held]:
    service = build(Settings(data_dir=tmp_path, max_waiting_asks=room, trains=False), llm)
    let_go = Event()
    try:
        app = create_app(service)
        added = {"title": "Lamp", "text": STORY}
        transport = httpx.ASGITransport(app)

        async def add() -> None:
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                assert (await http.post("/books", json=added)).status_code == 202

        asyncio.run(add())
        service.scheduler.queue_training(let_go.wait)
        yield Held(app, let_go)
    finally:
        let_go.set()
        service.close()


@pytest.mark.parametrize("room", [45])
def test_36_each_of_200_asks_is_answered_or_told_to_come_again(held: Held, room: int) -> None:
    async def all_of_them() -> tuple[list[httpx.Response], list[httpx.Response], list[httpx.Response]]:
        asks = {asyncio.create_task(held.ask()) for _ in range(200)}
        refused: list[httpx.Response] = []
        waiting = asks
        try:
            while len(refused) < 200 - room:
                done, waiting = await asyncio.wait(waiting, timeout=60, return_when=asyncio.FIRST_COMPLETED)
                assert done, "nothing is refused"
                refused += [each.result() for each in done]
            # More asks wait than there are threads for whatever else is called, which waits for none of them.
            others = [
                await asyncio.wait_for(held.http.get(path), 60)
                for path in ("/livez", "/readyz", "/books", "/jobs/x")
            ]
        finally:
            held.let_go.set()
        return refused, others, list(await asyncio.gather(*waiting))

    refused, others, answered = asyncio.run(all_of_them())
    assert Counter((each.status_code, each.headers.get("retry-after")) for each in refused) == {
        (503, "5"): 200 - room
    }
    assert {json.loads(each.text)["type"] for each in refused} == {"/problems/asks-full"}
    assert [each.status_code for each in others] == [200, 200, 200, 404]
    assert [each.status_code for each in answered] == [200] * room


@pytest.mark.parametrize("room", [2])
def test_36_an_ask_that_is_streamed_has_its_place_until_its_end(held: Held, room: int) -> None:
    async def one_more() -> tuple[httpx.Response, httpx.Response]:
        begun = [asyncio.Event() for _ in range(room)]
        streams = [asyncio.create_task(streamed(held.app, each)) for each in begun]
        try:
            await asyncio.wait_for(asyncio.gather(*(each.wait() for each in begun)), 60)
            refused = await held.ask()
        finally:
            held.let_go.set()
        await asyncio.gather(*streams)
        return refused, await held.ask()

    refused, after = asyncio.run(one_more())
    assert (refused.status_code, after.status_code) == (503, 200)


async def streamed(app: FastAPI, begun: asyncio.Event) -> None:
    """Ask for events; `begun` is set once the status is sent."""
    body = json.dumps({**ASK, "stream": True}).encode()
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    incoming.put_nowait({"type": "http.request", "body": body, "more_body": False})

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200
        begun.set()

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/ask",
    }
    scope |= {"raw_path": b"/ask", "query_string": b"", "headers": headers, "root_path": ""}
    await app({**scope, "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1)}, incoming.get, send)
