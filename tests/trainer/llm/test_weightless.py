"""An LLM without its weights: what it is like, and the folders that are refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests import tiny
from trainer.llm.availability import ModelUnavailableError
from trainer.llm.frozen_llm import FrozenLLM, Identity
from trainer.llm.loading import find_revision, load
from trainer.llm.weightless import load_weightless


def as_it_is(folder: Path, llm: FrozenLLM) -> Identity:
    """The LLM as the process would name it that has loaded it from this folder."""
    return replace(llm.identity, id=str(folder), revision=find_revision(str(folder)))


def test_it_counts_tokens_and_knows_its_shape_without_a_weight(llm: FrozenLLM) -> None:
    light = load_weightless(llm.identity)
    assert light.identity == llm.identity
    assert light.encode("Mira lit the lamp.") == llm.encode("Mira lit the lamp.")
    weights, real = light.model.parameters(), llm.model.parameters()
    assert [(each.device.type, each.shape) for each in weights] == [("meta", each.shape) for each in real]


@pytest.mark.parametrize("content", [None, "{", "{}"], ids=["missing", "cut off", "empty"])
def test_a_folder_without_a_tokenizer_is_refused_in_one_line(
    llm: FrozenLLM, tmp_path: Path, content: str | None
) -> None:
    folder = tiny.save(tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    if content is not None:
        (folder / "tokenizer.json").write_text(content)
    refusal = r"^The model '.+/model' has no tokenizer .+ config\.json, as tokenizer\.json\.$"
    with pytest.raises(ModelUnavailableError, match=refusal):
        load_weightless(as_it_is(folder, llm))
    with pytest.raises(ModelUnavailableError, match=refusal):
        load(str(folder), device="cpu", cache_dir=tmp_path)


@pytest.mark.parametrize("kind", ["albert", "bart"])
def test_a_model_that_is_no_llm_is_refused_in_one_line(llm: FrozenLLM, tmp_path: Path, kind: str) -> None:
    folder = tiny.save(tmp_path / "model")
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(ModelUnavailableError) as refused:
        load_weightless(as_it_is(folder, llm))
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_another_revision_than_that_which_answers_is_refused(llm: FrozenLLM) -> None:
    with pytest.raises(ModelUnavailableError, match=r"at 0123, and here it is at .*: both need the same"):
        load_weightless(replace(llm.identity, revision="0123"))
