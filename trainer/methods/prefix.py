"""The method `prefix`: keys and values in every layer, initialised from those of a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from trainer.llm.causal import CausalLLM
from trainer.llm.context import Context, contexts_of_kind
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.kv_cache import KeysAndValues
from trainer.llm.prefill import prefill
from trainer.methods.members import Members
from trainer.methods.prompt import PROMPT_EMBEDDINGS, virtual_tokens_from_bytes
from trainer.methods.tensors import FormatError, tensors_to_bytes

# The first position is the attention sink (2309.17453). It does not learn, since changing it makes training
# unstable (2506.06266, section 3).
ATTENTION_SINKS = 1


@dataclass(frozen=True, eq=False)
class Prefixes(Members):
    """KV prefixes (prefix tuning, 2101.00190; Cartridges, 2506.06266) of a causal LLM.

    Keys and values are [members, layers, heads, virtual tokens, head size]. Nothing is computed for them when
    a row is read.
    """

    method = "prefix"
    keys: Tensor
    values: Tensor

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Keys and values."""
        return {"keys": self.keys, "values": self.values}

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """Prefixes with these keys and values."""
        return replace(self, keys=tensors["keys"], values=tensors["values"])

    @property
    def virtual_tokens(self) -> int:
        """Positions before a row."""
        return int(self.keys.shape[3])

    def contexts(self, llm: FrozenLLM, context: Context | None = None) -> list[Context]:
        """Each member's keys and values, as if read after `context`; gradients reach them."""
        [parent] = contexts_of_kind(KeysAndValues, [context])
        keys, values = (tensor.to(llm.head).unbind() for tensor in (self.keys, self.values))
        return [
            KeysAndValues(*both, parent=parent, deltas=None if parent is None else parent.deltas)
            for both in zip(keys, values, strict=True)
        ]

    def vectors(self) -> Tensor:
        """The keys and values of each position, as one vector."""
        return torch.stack([flatten_prefix(*both) for both in zip(self.keys, self.values, strict=True)])

    def artifacts(self) -> list[bytes]:
        """PEFT's weights of a cartridge."""
        return [
            tensors_to_bytes({PROMPT_EMBEDDINGS: flatten_prefix(*both)})
            for both in zip(self.keys, self.values, strict=True)
        ]

    def mask_frozen(self, frozen_tokens: int) -> None:
        """Set the gradient of the attention sink, and of the first `frozen_tokens` positions, to 0."""
        for tensor in self.tensors.values():
            assert tensor.grad is not None
            tensor.grad[:, :, :, : max(frozen_tokens, ATTENTION_SINKS)] = 0


def prefixes_from_prompts(llm: FrozenLLM, prompts: Tensor, context: Context | None) -> Prefixes:
    """The keys and values of soft prompts [members, virtual tokens, hidden], read after a context.

    ValueError: the LLM is not causal.
    """
    require_causal(llm)
    found = contexts_of_kind(KeysAndValues, prefill(llm, [[]] * len(prompts), context, list(prompts)))
    kept = [one for one in found if one is not None]
    return Prefixes(
        torch.stack([one.keys for one in kept]).float(), torch.stack([one.values for one in kept]).float()
    )


def flatten_prefix(keys: Tensor, values: Tensor) -> Tensor:
    """Keys and values [layers, heads, positions, head size] as PEFT stores them: [positions, numbers].

    The numbers of a position are, layer by layer, the keys of all heads and then their values.
    """
    return torch.stack([keys, values], dim=1).permute(3, 0, 1, 2, 4).reshape(keys.shape[2], -1)


def prefix_from_bytes(llm: FrozenLLM, data: bytes) -> Prefixes:
    """One member from its bytes. FormatError: they are not a prefix, or it does not fit the LLM."""
    rows = virtual_tokens_from_bytes(data)
    try:
        layers, heads, size = require_causal(llm).cache_shape
    except ValueError as error:
        raise FormatError(str(error)) from error
    if rows.shape[1] != 2 * layers * heads * size:
        raise FormatError(f"expected [virtual tokens, {2 * layers * heads * size}], got {list(rows.shape)}")
    both = rows.view(len(rows), layers, 2, heads, size).permute(2, 1, 3, 0, 4)
    return Prefixes(both[0][None].contiguous(), both[1][None].contiguous())


def require_causal(llm: FrozenLLM) -> CausalLLM:
    """The LLM, typed as causal: no other can have a prefix. ValueError: it is not causal."""
    if not isinstance(llm, CausalLLM):
        raise ValueError(
            f"{llm.identity.id!r} is an encoder-decoder, which keeps no keys and values of what it reads: "
            "use the method prompt or lora, with the placement front"
        )
    return llm
