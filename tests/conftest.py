from pathlib import Path

import pytest

from tests import tiny
from trainer.frozen import FrozenLLM
from trainer.loading import load


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def llm(tiny_folder: Path) -> FrozenLLM:
    return load(str(tiny_folder), device="cpu", cache_dir=tiny_folder.parent)
