from pathlib import Path

import pytest
import torch
from torch import nn

from trainer.baseline.random_weights import random_llm
from trainer.llm.availability import ModelUnavailableError
from trainer.llm.batch_types import Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.options import Quantization

SHAPES = ("tiny", "tiny-t5")


def layers(llm: FrozenLLM) -> dict[str, str]:
    return {
        name: type(module).__name__
        for name, module in llm.model.named_modules()
        if isinstance(module, nn.Linear)
    }


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_quantized_as_it_is_when_loaded(shape: str, quantization: Quantization, tmp_path: Path) -> None:
    whole = random_llm(shape, quantization="none", device="cpu", dtype="float32")
    whole.model.save_pretrained(tmp_path)
    whole.tokenizer.save_pretrained(tmp_path)
    loaded = load(str(tmp_path), quantization=quantization, device="cpu", dtype="float32", cache_dir=tmp_path)
    made = random_llm(shape, quantization=quantization, device="cpu", dtype="float32")
    assert layers(made) == layers(loaded)
    assert len(set(layers(made).values())) == 2
    assert made.footprint_bytes == loaded.footprint_bytes
    tokens = made.encode("The lamp of Ost")
    assert torch.equal(made.logits(tokens), loaded.logits(tokens))
    assert not torch.equal(made.logits(tokens), whole.logits(tokens))


def test_no_weight_is_left_empty_or_wants_a_gradient() -> None:
    for shape in SHAPES:
        model = random_llm(shape, quantization="int8", device="cpu").model
        for tensor in [*model.parameters(), *model.buffers()]:
            assert not tensor.is_meta
            assert not tensor.requires_grad


@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_is_as_long_as_it_may_be(shape: str) -> None:
    llm = random_llm(shape, quantization="none", device="cpu", dtype="float32")
    [said] = decode(llm, [Row(None, llm.encode("Who kept the lamp?"), max_new_tokens=40)])
    assert len(said.tokens) == 40


def test_t5s_wide_layers_stay_wide_in_float16() -> None:
    model = random_llm("tiny-t5", quantization="none", device="cpu", dtype="float16").model
    dtypes = {
        name.rpartition(".")[2]: m.weight.dtype
        for name, m in model.named_modules()
        if isinstance(m, nn.Linear)
    }
    assert dtypes["wo"] == torch.float32
    assert {dtype for name, dtype in dtypes.items() if name != "wo"} == {torch.float16}


def test_text_is_one_token_a_byte() -> None:
    llm = random_llm("tiny", quantization="none", device="cpu")
    text = "Müller's lamp <|end|>"
    assert len(llm.encode(text)) == len(text.encode())
    assert llm.text(llm.encode(text)) == text


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelUnavailableError, match="There is no device 'cuda:7'"):
        random_llm("tiny", device="cuda:7")
