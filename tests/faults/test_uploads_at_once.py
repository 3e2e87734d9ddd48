"""Uploads that wait for the store, more than there are threads, keep nobody else waiting."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.http.server import create_app
from app.http.upload_room import UploadRoom
from app.service.assembly import build
from app.settings import Settings
from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM

UPLOADS = 60


@pytest.fixture
def app(tmp_path: Path, llm: FrozenLLM) -> Iterator[FastAPI]:
    service = build(Settings(data_dir=tmp_path, max_queued_jobs=UPLOADS, trains=False), llm)
    try:
        yield create_app(service)
    finally:
        service.close()


def test_a_list_waits_for_no_upload(app: FastAPI, tmp_path: Path) -> None:
    async def all_of_them() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as http:
            with closing(sqlite3.connect(tmp_path / "bookchorus.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                bodies = [{"title": "Lamp", "text": f"{STORY} {number}"} for number in range(UPLOADS)]
                uploads = {asyncio.create_task(http.post("/books", json=body)) for body in bodies}
                await asyncio.wait_for(taken(app.state.uploads), 60)
                listed = {asyncio.create_task(http.get(path)) for path in ("/books", "/jobs/x", "/readyz")}
                while listed:
                    done, _ = await asyncio.wait(listed | uploads, return_when=asyncio.FIRST_COMPLETED)
                    assert done <= listed, "a list waited until the store refused an upload"
                    listed -= done
                other.execute("ROLLBACK")
            return [answer.status_code for answer in await asyncio.gather(*uploads)]

    assert asyncio.run(all_of_them()) == [202] * UPLOADS


async def taken(room: UploadRoom) -> None:
    """Return once all uploads have a thread, or wait for one."""
    while True:
        state = room.threads.statistics()
        if state.borrowed_tokens + state.tasks_waiting >= UPLOADS:
            return
        await asyncio.sleep(0)
