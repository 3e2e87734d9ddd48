import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import httpx
from fastapi import FastAPI

from app.http.server import create_app
from app.service.assembly import build
from app.settings import Settings
from tests import files
from tests.processes import children
from tests.service.conftest import service
from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM


def refused(http: httpx.Client, name: str, data: bytes) -> dict[str, object]:
    answer = http.post("/books", files={"file": (name, data)})
    assert (answer.status_code, answer.json().get("type")) == (422, "/problems/book-too-large"), answer.text
    found: dict[str, object] = answer.json()
    return found


def test_33_a_file_that_unpacks_to_too_much_is_refused_with_the_bound(
    tiny_folder: Path, tmp_path: Path
) -> None:
    bounds = {"max_book_characters": "30000", "max_book_passages": "40", "trains": "false"}
    with (
        service(tmp_path, "--model", str(tiny_folder), **bounds) as client,
        httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http,
    ):
        bomb = files.epub({"one.xhtml": files.xhtml("<p>" + "Mira kept a lamp. " * 2000 + "</p>")})
        assert len(bomb) < 10_000
        assert refused(http, "bomb.epub", bomb)["limit_characters"] == 30_000
        chapters = "".join(f"# {number}\n\nA lamp.\n\n" for number in range(41)).encode()
        assert refused(http, "many.md", chapters)["limit_passages"] == 40
        # Plain text unpacks to nothing more than it is.
        text = ("lamp " * 20_000).encode()
        assert len(text) > 30_000
        assert refused(http, "long.txt", text)["limit_passages"] == 40
        assert http.get("/books").json()["data"] == []


async def readers_of_this_process(count: int, uploads: Sequence[asyncio.Task[httpx.Response]]) -> set[int]:
    """Stop the processes that read files for this one, once there are so many; return their ids."""
    held: set[int] = set()
    while len(held) < count:
        assert not any(upload.done() for upload in uploads), "it was read before it could be stopped"
        for reader, command in children(os.getpid()).items():
            if "app.parsing" in command and reader not in held:
                os.kill(reader, signal.SIGSTOP)
                held.add(reader)
        await asyncio.sleep(0)
    return held


def test_33_others_are_not_held_up_while_such_files_are_read(tmp_path: Path, llm: FrozenLLM) -> None:
    async def all_of_them(app: FastAPI) -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as http:
            added = await http.post("/books", json={"title": "Lamp", "text": STORY})
            assert added.status_code == 202
            unpacked = files.xhtml("<p>" + "Mira kept a lamp. " * 2000 + "</p>")
            bombs = [files.epub({f"{number}.xhtml": unpacked}) for number in range(3)]
            uploads = [
                asyncio.create_task(http.post("/books", files={"file": ("bomb.epub", bomb)}))
                for bomb in bombs
            ]
            # Two are read at once; the third waits.
            held = await readers_of_this_process(2, uploads)
            try:
                asked = await http.post("/ask", json={"question": "Who kept a lamp?", "min_confidence": 0})
                other = await http.post("/books", files={"file": ("short.txt", b"Ost kept a rope.")})
                assert not any(upload.done() for upload in uploads)
            finally:
                for reader in held:
                    os.kill(reader, signal.SIGCONT)
            assert (asked.status_code, other.status_code) == (200, 202)
            for refused in await asyncio.gather(*uploads):
                assert (refused.status_code, refused.json()["limit_characters"]) == (422, 30_000)

    built = build(Settings(data_dir=tmp_path, max_book_characters=30_000, trains=False), llm)
    try:
        asyncio.run(all_of_them(create_app(built)))
    finally:
        built.close()
