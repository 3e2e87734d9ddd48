"""Which asker writes questions: the package's, a file, or none."""

from pathlib import Path

import pytest

from app.answering.skill import shipped_skill
from app.asking.asker import load_asker, shipped_asker
from app.errors import CommandError
from tests import tiny
from trainer.llm.availability import EMBEDDED
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.skill.skill import LoraSkill, skill_to_train


def test_the_embedded_llm_has_an_asker_of_its_own_in_the_package() -> None:
    asker, reader = shipped_asker(EMBEDDED), shipped_skill(EMBEDDED)
    assert asker is not None
    assert reader is not None
    assert isinstance(asker.skill, LoraSkill)
    assert (asker.skill.rank, asker.digest == reader.digest) == (16, False)
    assert isinstance(reader.skill, LoraSkill)
    assert asker.skill.weights.keys() == reader.skill.weights.keys()
    # Nobody evaluates it on what it has learned from.
    assert reader.learned_from < asker.learned_from
    assert shipped_asker("another") is None


def test_an_asker_is_named_by_its_file(llm: FrozenLLM, tmp_path: Path) -> None:
    file = tmp_path / "asker.safetensors"
    mine = skill_to_train(llm, "lora", 4, 0)
    file.write_bytes(mine.to_bytes())
    assert load_asker("none", llm) is None
    assert load_asker("shipped", llm) is None
    found = load_asker(str(file), llm)
    assert found is not None
    assert (found.skill.method, found.learned_from) == ("lora", frozenset())
    file.with_suffix(".json").write_text('{"data": {"learned_from": ["a"]}}')
    again = load_asker(str(file), llm)
    assert again is not None
    assert (again.digest, set(again.learned_from)) == (found.digest, {"a"})
    wide = tiny.save(tmp_path / "wide", hidden_size=64)
    with pytest.raises(CommandError, match=r"BOOKCHORUS_ASKER: .*do not fit"):
        load_asker(str(file), load(str(wide), device="cpu", dtype="float32", cache_dir=tmp_path))
    with pytest.raises(CommandError, match=r"BOOKCHORUS_ASKER: .*No such file"):
        load_asker(str(tmp_path / "no.safetensors"), llm)
    file.write_bytes(b"no tensors")
    with pytest.raises(CommandError, match="BOOKCHORUS_ASKER"):
        load_asker(str(file), llm)
