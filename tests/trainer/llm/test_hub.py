"""Models by hub id while the hub is silent: what is kept is loaded, and nothing is asked twice."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from huggingface_hub import constants

from tests.hub_cache import keep
from trainer.llm.availability import ModelUnavailableError
from trainer.llm.loading import find_revision, load

KEPT = "someone/tiny"
COMMIT = "0" * 40


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The calls to a hub that hangs up at each, with an empty cache on this machine."""
    seen: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                seen.append(1)
                caller.close()

        thread = Thread(target=hang_up)
        thread.start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        yield seen
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("find", [load, find_revision])
def test_a_model_that_is_not_kept_is_refused_after_one_call(calls: list[int], find: object) -> None:
    assert callable(find)
    with pytest.raises(ModelUnavailableError, match="the Hugging Face hub does not answer"):
        find(KEPT)
    assert len(calls) == 1


def test_a_kept_model_is_loaded_and_known_by_its_commit(
    calls: list[int], tiny_folder: Path, tmp_path: Path
) -> None:
    keep(tmp_path, KEPT, COMMIT, tiny_folder)
    llm = load(KEPT, quantization="none", device="cpu", cache_dir=tmp_path)
    assert (llm.identity.id, llm.identity.revision) == (KEPT, COMMIT)
    assert len(calls) == 1
    assert find_revision(KEPT) == COMMIT


def test_of_a_kept_model_other_revisions_are_not_taken(
    calls: list[int], tiny_folder: Path, tmp_path: Path
) -> None:
    keep(tmp_path, KEPT, COMMIT, tiny_folder)
    assert find_revision(KEPT, revision=COMMIT) == COMMIT
    with pytest.raises(ModelUnavailableError):
        find_revision(KEPT, revision="1" * 40)


def test_a_folder_asks_no_hub(calls: list[int], tiny_folder: Path, tmp_path: Path) -> None:
    load(str(tiny_folder), quantization="none", device="cpu", cache_dir=tmp_path)
    assert calls == []
