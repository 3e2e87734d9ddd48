from pathlib import Path

import pytest

from app.skills import LoadedSkill
from app.weighting import FEATURES, Weighting
from tests import tiny
from trainer import turns
from trainer.context import read
from trainer.frozen import FrozenLLM
from trainer.loading import load
from trainer.skill import Skill


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def llm(tiny_folder: Path) -> FrozenLLM:
    return load(str(tiny_folder), device="cpu", cache_dir=tiny_folder.parent)


@pytest.fixture(scope="session")
def skill(llm: FrozenLLM) -> LoadedSkill:
    """The hand-written instruction as the tiny LLM reads it, and a weighting made up for tests."""
    [opening] = read(llm, [turns.opening(llm)])
    prefix = Skill(opening.keys, opening.values)
    coefficients = {**dict.fromkeys(FEATURES, 0.0), "answerable": 1.0, "agreement": 2.0}
    weighting = Weighting(coefficients=coefficients, intercept=0.0)
    return LoadedSkill(prefix, prefix.to_bytes(), weighting, recipe={}, data={}, metrics={})
