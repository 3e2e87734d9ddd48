"""How bitsandbytes stores the weights of an LLM."""

from collections.abc import Sequence

import torch
from transformers import BitsAndBytesConfig

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
