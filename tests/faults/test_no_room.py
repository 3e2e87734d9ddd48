"""Faults 11 and 18: a queue without room, and a write lock that somebody holds."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.http.server import create_app
from app.service.assembly import build
from app.settings import Settings
from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM


@pytest.fixture
def app(tmp_path: Path, llm: FrozenLLM) -> Iterator[FastAPI]:
    service = build(Settings(data_dir=tmp_path, max_queued_jobs=1, trains=False), llm)
    try:
        yield create_app(service)
    finally:
        service.close()


def called(app: FastAPI, method: str, path: str, body: object = None) -> httpx.Response:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            return await http.request(method, path, json=body)

    return asyncio.run(call())


def titles(app: FastAPI) -> list[str]:
    return [book["title"] for book in called(app, "GET", "/books").json()["data"]]


def test_11_an_upload_that_the_queue_has_no_room_for_leaves_no_row(app: FastAPI) -> None:
    assert called(app, "POST", "/books", {"title": "One", "text": STORY}).status_code == 202
    refused = called(app, "POST", "/books", {"title": "Two", "text": STORY + "Two."})
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/queue-full")
    assert refused.headers["retry-after"] == "60"
    assert titles(app) == ["One"]


def test_18_a_write_lock_that_is_held_leaves_no_part_of_a_book(app: FastAPI, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "bookchorus.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = called(app, "POST", "/books", {"title": "One", "text": STORY})
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/store-busy")
        assert refused.headers["retry-after"] == "5"
        # Whoever only reads does not wait for it.
        assert titles(app) == []
        other.execute("ROLLBACK")
    assert titles(app) == []
    assert called(app, "POST", "/books", {"title": "One", "text": STORY}).status_code == 202
