"""`BOOKCHORUS_CONTEXT_BYTES`: what the LLM has read is kept while there is room, and else read again."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.engine.local_engine import LocalEngine
from app.http.server import create_app
from app.service.assembly import build
from app.settings import Settings
from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM


@pytest.mark.parametrize(("room", "again"), [(1 << 30, False), (1, True)])
def test_a_question_asked_again_is_read_for_where_nothing_can_be_kept(
    tmp_path: Path, llm: FrozenLLM, room: int, again: bool
) -> None:
    service = build(
        Settings(data_dir=tmp_path, trains=False, context_bytes=room, admin_key=SecretStr("admin")), llm
    )
    assert isinstance(service.engine, LocalEngine)
    try:
        headers = {"Authorization": "Bearer admin"}
        with TestClient(create_app(service), base_url="http://127.0.0.1", headers=headers) as http:
            assert http.post("/books", json={"title": "Lamp", "text": STORY}).status_code == 202
            read = []
            for _ in range(2):
                asked = {"question": "Who kept a lamp?", "adaptive": False, "min_confidence": 0}
                assert http.post("/ask", json=asked).status_code == 200
                read.append(service.engine.contexts.computed)
    finally:
        service.close()
    assert (read[1] > read[0]) is again
