"""Our layers over quantized weights: what they give, the gradient of their inputs, and what they keep."""

import gc
from pathlib import Path
from typing import Any

import bitsandbytes
import pytest
import torch
from bitsandbytes.functional import dequantize_4bit, int8_vectorwise_dequant
from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt
from torch import Tensor, nn

from tests import tiny
from tests.trainer.llm.test_checkpointing import gradient
from tests.trainer.methods.test_methods import CASES, made
from trainer.llm.arithmetic import settle_arithmetic
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.quantized_linear import QuantizedLinear
from trainer.options import Method, Quantization

QUANTIZED = ["int8", "nf4", "nested nf4"]
# A product of sums of so many numbers, relative to the largest.
ROUNDING = {torch.float32: 1e-5, torch.bfloat16: 0.02, torch.float16: 0.003}


def quantized(kind: str, into: int = 1024, out: int = 1500) -> nn.Linear:
    """A layer of bitsandbytes with a bias, whose weight takes more than one block."""
    modules: Any = bitsandbytes.nn.modules
    torch.manual_seed(0)
    numbers = torch.randn(out, into) * torch.rand(out, 1)
    layer: Any
    if kind == "int8":
        layer = modules.Linear8bitLt(into, out, has_fp16_weights=False)
        layer.weight = modules.Int8Params(numbers, requires_grad=False, has_fp16_weights=False).to("cpu")
    else:
        layer = modules.Linear4bit(into, out, quant_type="nf4")
        nested = kind == "nested nf4"
        layer.weight = modules.Params4bit(
            numbers, requires_grad=False, quant_type="nf4", compress_statistics=nested
        ).to("cpu")
    module: nn.Linear = layer.requires_grad_(False)
    return module


def whole_weight(layer: Any) -> Tensor:
    """The weight [out, in] as bitsandbytes restores it, in float32."""
    stored = layer.weight
    if stored.dtype == torch.int8:
        scales = stored.SCB if layer.state.SCB is None else layer.state.SCB
        restored: Tensor = int8_vectorwise_dequant(stored.data, scales)
        return restored
    return dequantize_4bit(stored.data, stored.quant_state).float()


def replaced(layer: nn.Module, dtype: torch.dtype) -> QuantizedLinear:
    model = nn.Sequential(layer)
    settle_arithmetic(model, "restored", dtype)
    ours = model[0]
    assert isinstance(ours, QuantizedLinear)
    return ours


def is_near(ours: Tensor, expected: Tensor, share: float) -> bool:
    return float((ours.detach().double() - expected.detach()).abs().max()) <= share * float(
        expected.detach().abs().max()
    )


@pytest.mark.parametrize("rows", [(), (0,), (1,), (2, 7), (3, 40)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("kind", QUANTIZED)
def test_products_and_gradients_are_those_of_the_restored_weight(
    kind: str, dtype: torch.dtype, rows: tuple[int, ...]
) -> None:
    layer = quantized(kind)
    weight, bias = whole_weight(layer).double(), layer.bias.double()
    ours = replaced(layer, dtype)
    inputs = torch.randn(*rows, 1024).to(dtype).requires_grad_()
    products = ours(inputs)
    assert (products.dtype, products.shape) == (dtype, (*rows, 1500))
    if 0 in rows:
        return
    assert is_near(products, inputs.double() @ weight.T + bias, ROUNDING[dtype])
    with torch.no_grad():
        assert torch.equal(ours(inputs), products)
    wanted = torch.randn(*rows, 1500).to(dtype)
    products.backward(wanted)
    assert inputs.grad is not None
    assert inputs.grad.dtype == dtype
    assert is_near(inputs.grad, wanted.double() @ weight, ROUNDING[dtype])


def test_inputs_of_another_dtype_are_multiplied_in_that_of_the_layer() -> None:
    layer = quantized("int8")
    weight, bias = whole_weight(layer).double(), layer.bias.double()
    inputs = torch.randn(3, 1024, dtype=torch.float16)
    products = replaced(layer, torch.float32)(inputs)
    assert products.dtype == torch.float16
    assert is_near(products, inputs.double() @ weight.T + bias, ROUNDING[torch.float16])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("rows", [4, 40])
@pytest.mark.parametrize("kind", QUANTIZED)
def test_neither_input_nor_restored_weight_is_kept_for_the_gradient(
    kind: str, rows: int, dtype: torch.dtype
) -> None:
    ours = replaced(quantized(kind), dtype)
    # What is there already is not looked through.
    gc.freeze()
    learned = torch.randn(rows, 1024).to(dtype).requires_grad_()
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda tensor: tensor):
        products = ours(learned * 2)
    assert kept == []
    # What a function's context keeps is a tensor that Python knows; a float weight has so many numbers.
    gc.collect()
    alive = [each for each in gc.get_objects() if type(each) is Tensor and each.is_floating_point()]
    gc.unfreeze()
    assert any(each is learned for each in alive)
    assert [each for each in alive if each.numel() >= 1024 * 1024] == []
    assert [each for each in alive if each.shape == learned.shape and each is not learned] == []
    products.sum().backward()
    assert learned.grad is not None


def with_weights_of(quantized_llm: FrozenLLM, llm: FrozenLLM) -> FrozenLLM:
    """The LLM with the weights that bitsandbytes restores from the quantized one."""
    for name, module in quantized_llm.model.named_modules():
        if isinstance(module, Linear8bitLt | Linear4bit):
            weight = llm.model.get_submodule(name).weight
            assert isinstance(weight, Tensor)
            weight.data.copy_(whole_weight(module))
    return llm


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
@pytest.mark.parametrize(("family", "method"), CASES)
def test_members_learn_as_over_the_restored_weights(
    tmp_path: Path, family: tiny.Family, method: Method, quantization: Quantization
) -> None:
    llm = made(tmp_path, family, quantization)
    assert any(isinstance(module, QuantizedLinear) for module in llm.model.modules())
    folder = str(tmp_path / "model")
    theirs = load(
        folder,
        device="cpu",
        dtype="float32",
        quantization=quantization,
        arithmetic="bitsandbytes",
        cache_dir=tmp_path,
    )
    plain = with_weights_of(theirs, made(tmp_path, family))
    expected, wanted, most = gradient(plain, method, with_context=True)
    for checkpointed in (False, True):
        llm.checkpointing = checkpointed
        losses, members, kept = gradient(llm, method, with_context=True)
        assert losses == pytest.approx(expected, abs=1e-5)
        for name, tensor in members.tensors.items():
            ours, reference = tensor.grad, wanted.tensors[name].grad
            assert ours is not None
            assert reference is not None
            assert is_near(ours, reference.double(), 1e-4)
        assert kept < most
