"""The options that have a fixed set of values, each set once; importing them loads no library."""

from pathlib import Path
from typing import Literal

# How the weights of an LLM are stored: int8 (2208.07339), nf4 (2305.14314), or as they are.
Quantization = Literal["auto", "int8", "nf4", "none"]
# How quantized weights are multiplied: restored, in the LLM's dtype, or by bitsandbytes (LLM.int8).
Arithmetic = Literal["restored", "bitsandbytes"]
# The dtype of what is not quantized.
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
# Whether training computes the LLM's blocks twice to save memory.
Checkpointing = Literal["auto", "on", "off"]
# What a member is: soft prompt, KV prefix, or LoRA weights.
Method = Literal["prompt", "prefix", "lora"]
# Where a member stands: before the passages, or between passages and question.
Placement = Literal["front", "behind"]
# What a skill is learned for: to answer from a passage, or to ask about one.
What = Literal["read", "ask"]

# For files that can be made again: the embedded LLM, converted from its wheel.
DEFAULT_CACHE_DIR = Path("~/.cache/bookchorus")
