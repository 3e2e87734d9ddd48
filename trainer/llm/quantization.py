"""What bitsandbytes does to the weights of an LLM."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt
from torch import nn
from transformers import BitsAndBytesConfig

from trainer.llm.quantized_linear import FourBitLinear, Int8Linear
from trainer.options import Arithmetic

# The names of the output head: answers and losses are computed with its weight as it is.
_HEADS = ("lm_head", "embed_out")


def quantization_config(
    quantization: str, dtype: torch.dtype, threshold: float, skip: Sequence[str] = ()
) -> BitsAndBytesConfig | None:
    """The configuration for transformers, None where nothing is quantized; options are those of `load`."""
    # Our list replaces transformers' own, which has the head in it.
    skipped = [*skip, *_HEADS] if skip else None
    if quantization == "int8":
        return BitsAndBytesConfig(
            load_in_8bit=True, llm_int8_threshold=threshold, llm_int8_skip_modules=skipped
        )
    if quantization == "nf4":
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=dtype,
            llm_int8_skip_modules=skipped,
        )
    return None


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


def _keep_unpacked(model: nn.Module) -> None:
    """Keep 4-bit weights in the layout that can be trained through.

    On a CPU with AVX512-BF16 bitsandbytes would repack them at the first answer, and no gradient could pass
    them after that.
    """
    modules: Iterator[Any] = model.modules()
    for module in modules:
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
