"""The skill prompt: how to answer from a passage, learned once for an LLM and on no book of the library."""

from dataclasses import dataclass

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from trainer.context import Context
from trainer.frozen import FrozenLLM
from trainer.prompts import PromptFormatError

_KEYS, _VALUES, _STARTS = "keys", "values", "starts"


@dataclass(frozen=True, eq=False)
class Skill:
    """A KV prefix (prefix tuning, 2101.00190): keys and values [layers, heads, virtual tokens, head size].

    It is what a soft prompt becomes once the LLM has read it, learned in every layer instead of in the first
    alone; in front of a row it costs no computation. `starts` [members, virtual tokens, hidden] are soft
    prompts to stand behind it, learned with it on no book of the library: members start from them.
    """

    keys: Tensor
    values: Tensor
    starts: Tensor | None = None

    def context(self, llm: FrozenLLM) -> Context:
        """The skill as the first thing that `llm` has read."""
        weight = llm.head
        return Context(self.keys.to(weight), self.values.to(weight))

    def to_bytes(self, notes: dict[str, str] | None = None) -> bytes:
        """Safetensors bytes, bfloat16; `notes` go to the file's metadata."""
        tensors = {
            name: tensor.detach().to("cpu", torch.bfloat16).contiguous()
            for name, tensor in ((_KEYS, self.keys), (_VALUES, self.values), (_STARTS, self.starts))
            if tensor is not None
        }
        return bytes(safetensors.torch.save(tensors, metadata=notes))


def from_bytes(data: bytes) -> Skill:
    """The skill kept in `data`, float32 on the CPU.

    Raises PromptFormatError for other bytes or numbers that are not finite.
    """
    try:
        tensors = safetensors.torch.load(data)
        keys, values = tensors[_KEYS], tensors[_VALUES]
    except (safetensors.SafetensorError, KeyError) as error:
        raise PromptFormatError(f"not a skill prompt in safetensors format: {error}") from error
    starts = tensors.get(_STARTS)
    if keys.ndim != 4 or keys.shape != values.shape:
        raise PromptFormatError(f"keys {list(keys.shape)} and values {list(values.shape)} make no prefix")
    if starts is not None and starts.ndim != 3:
        raise PromptFormatError(f"starts {list(starts.shape)} are no soft prompts")
    found = [tensor for tensor in (keys, values, starts) if tensor is not None]
    if not all(bool(torch.isfinite(tensor).all()) for tensor in found):
        raise PromptFormatError("the skill prompt holds numbers that are not finite")
    return Skill(keys.float(), values.float(), None if starts is None else starts.float())
