"""Whether the service lives is said however much it has to do."""

import asyncio
from pathlib import Path

import anyio.to_thread
import httpx

from app.http.server import create_app
from app.service.assembly import build
from app.settings import Settings
from trainer.llm.frozen_llm import FrozenLLM


def test_36_health_waits_for_no_thread_that_asks_hold(tmp_path: Path, llm: FrozenLLM) -> None:
    service = build(Settings(data_dir=tmp_path), llm)

    async def asked() -> list[int]:
        transport = httpx.ASGITransport(create_app(service))
        # Every thread on which routes and asks run is taken for as long as this test lasts.
        threads = anyio.to_thread.current_default_thread_limiter()
        held = [object() for _ in range(int(threads.total_tokens))]
        for holder in held:
            threads.acquire_on_behalf_of_nowait(holder)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            answers = [
                await asyncio.wait_for(http.get(path), 20)
                for path in ("/livez", "/readyz", "/readyz", "/metrics")
            ]
            # So is a key that is wrong, and a page elsewhere.
            foreign = await asyncio.wait_for(http.post("/ask", headers={"Host": "books.example"}), 20)
        for holder in held:
            threads.release_on_behalf_of(holder)
        return [answer.status_code for answer in (*answers, foreign)]

    try:
        assert asyncio.run(asked()) == [200, 200, 200, 200, 403]
    finally:
        service.close()
