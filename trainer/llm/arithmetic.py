"""How quantized layers multiply: by our layers, or by those of bitsandbytes.

It imports bitsandbytes, which takes seconds: import it only for an LLM that is quantized.
"""

from collections.abc import Iterator
from typing import Any

import torch
from bitsandbytes.nn.modules import Int8Params, Linear4bit, Linear8bitLt
from torch import nn

from trainer.llm.quantized_linear import FourBitLinear, Int8Linear
from trainer.options import Arithmetic


def settle_arithmetic(model: nn.Module, arithmetic: Arithmetic, dtype: torch.dtype) -> None:
    """Decide how the quantized layers of a loaded model multiply.

    "restored" replaces those of bitsandbytes by ours, which restore their weights to multiply in `dtype`.
    "bitsandbytes" leaves them: LLM.int8 quantizes the inputs as well.
    """
    if arithmetic == "bitsandbytes":
        _keep_unpacked(model)
        return
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Linear8bitLt):
                setattr(module, name, Int8Linear(child, dtype))
            elif isinstance(child, Linear4bit):
                setattr(module, name, FourBitLinear(child, dtype))


def int8_error(device: torch.device, dtype: torch.dtype, arithmetic: Arithmetic) -> float:
    """Multiply with a small int8 layer on a device; return how far it is off, relative to the largest number.

    Raises what bitsandbytes raises where it does not work here.
    """
    random = torch.Generator().manual_seed(0)
    weight, inputs = (torch.randn(64, 64, generator=random) for _ in range(2))
    layer: Any = Linear8bitLt(64, 64, bias=False, has_fp16_weights=False)
    stored: Any = Int8Params(weight, requires_grad=False, has_fp16_weights=False)
    layer.weight = stored.to(device)
    model = nn.Sequential(layer.requires_grad_(False))
    settle_arithmetic(model, arithmetic, dtype)
    with torch.no_grad():
        product = model(inputs.to(device, dtype)).float().cpu()
    exact = inputs @ weight.T
    return float((product - exact).abs().max() / exact.abs().max())


def _keep_unpacked(model: nn.Module) -> None:
    """Keep 4-bit weights in the layout that can be trained through.

    On a CPU with AVX512-BF16 bitsandbytes would repack them at the first answer, and no gradient could pass
    them after that.
    """
    modules: Iterator[Any] = model.modules()
    for module in modules:
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
