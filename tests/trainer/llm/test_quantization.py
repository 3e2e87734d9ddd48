"""What quantization touches, and what it leaves: embeddings, head and norms stay in the dtype asked for."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import torch
from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt
from torch import nn

from tests import tiny
from tests.trainer.methods.test_methods import learned, recipe
from trainer.llm.batch_types import Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.quantized_linear import QuantizedLinear
from trainer.options import Dtype, Quantization

FAMILIES = get_args(tiny.Family)
QUANTIZED = ["int8", "nf4"]


def quantized(llm: FrozenLLM) -> dict[str, nn.Module]:
    """The modules whose weights are quantized, by name."""
    return {
        name: module
        for name, module in llm.model.named_modules()
        if isinstance(module, (QuantizedLinear, Linear8bitLt, Linear4bit))
    }


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("quantization", QUANTIZED)
@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_else_is_cast_and_no_weight_learns(
    tmp_path: Path, family: tiny.Family, quantization: Quantization, dtype: Dtype
) -> None:
    folder = str(tiny.save(tmp_path / "model", family=family))
    llm = load(folder, device="cpu", dtype=dtype, quantization=quantization, cache_dir=tmp_path)
    inside = quantized(llm)
    assert inside
    # What T5's feed-forward layers give overflows in float16, so transformers keeps these weights whole.
    assert not any(name.endswith(".wo") for name in inside)
    before = {name: weight.detach().clone() for name, weight in llm.model.named_parameters()}
    learned(llm, recipe("prompt", members=1, epochs=1.0))
    decode(llm, [Row(None, llm.encode("Who?"), 4)])
    assert llm.head.dtype == llm.vocabulary.dtype == getattr(torch, dtype)
    for name, weight in llm.model.named_parameters():
        assert not weight.requires_grad
        assert weight.grad is None
        assert torch.equal(weight, before[name]), name
        if name.rpartition(".")[0] in inside:
            assert weight.dtype in (torch.int8, torch.uint8) or name.endswith(".bias")
        else:
            assert weight.dtype == getattr(torch, dtype), name


@pytest.mark.parametrize("quantization", QUANTIZED)
def test_named_modules_and_the_head_are_left_as_they_are(tmp_path: Path, quantization: Quantization) -> None:
    folder = str(tiny.save(tmp_path / "model"))
    whole = quantized(load(folder, device="cpu", quantization=quantization, cache_dir=tmp_path))
    llm = load(
        folder, device="cpu", quantization=quantization, quantization_skip=["down_proj"], cache_dir=tmp_path
    )
    skipped = {name for name in whole if name.endswith("down_proj")}
    assert len(skipped) == 2
    assert set(quantized(llm)) == set(whole) - skipped
    assert not any(name.endswith("lm_head") for name in whole)
    learned(llm, recipe("lora", members=1, epochs=1.0))


@pytest.mark.parametrize("threshold", [0.0, 2.5])
def test_the_threshold_of_int8_is_the_one_asked_for(tmp_path: Path, threshold: float) -> None:
    folder = str(tiny.save(tmp_path / "model"))
    llm = load(
        folder,
        device="cpu",
        quantization="int8",
        arithmetic="bitsandbytes",
        int8_threshold=threshold,
        cache_dir=tmp_path,
    )
    assert {module.state.threshold for module in quantized(llm).values()} == {threshold}  # type: ignore[union-attr]
    learned(llm, recipe("prompt", members=1, epochs=1.0))
    assert decode(llm, [Row(None, llm.encode("Who?"), 4)])[0].log_likelihoods


@pytest.mark.skipif(not torch.cuda.is_available(), reason="reads a card's processes")
@pytest.mark.parametrize("quantization", ["int8", "nf4", "none"])
def test_one_card_is_touched_and_no_other(tmp_path: Path, quantization: Quantization) -> None:
    """A process of its own loads, learns and answers on the last card; the driver says where it is."""
    folder = str(tiny.save(tmp_path / "model", hidden_size=64))
    card = torch.cuda.device_count() - 1
    code = f"""
import os, subprocess
from pathlib import Path
from tests.trainer.methods.test_methods import learned, recipe
from trainer.llm.batch_types import Row
from trainer.llm.decoding import decode
from trainer.llm.loading import load
llm = load({folder!r}, device="cuda:{card}", quantization={quantization!r}, cache_dir=Path({str(tmp_path)!r}))
for method in ("prompt", "prefix", "lora"):
    learned(llm, recipe(method, members=2, epochs=1.0))
decode(llm, [Row(None, llm.encode("Who?"), 4)])
asked = ["nvidia-smi", "--query-compute-apps=gpu_uuid,pid", "--format=csv,noheader"]
told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
mine = [line.split(", ")[0] for line in told.splitlines() if line.split(", ")[1] == str(os.getpid())]
print(len(mine), *mine)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, *cards = ran.stdout.split()
    # In a container the driver may not know the process by the number that it has here.
    assert int(count) <= 1
    if cards:
        uuid = str(torch.cuda.get_device_properties(card).uuid)
        assert cards == [f"GPU-{uuid}"]
