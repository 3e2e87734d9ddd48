"""The method `prefix`: keys and values in every layer, which start from those of a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from trainer.llm.causal import CausalLLM
from trainer.llm.context import Context, of_kind
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.kv_cache import KeysAndValues
from trainer.llm.prefill import prefill
from trainer.methods.members import Members
from trainer.methods.prompt import KEY, virtual_tokens
from trainer.methods.tensors import FormatError, bytes_of

# Positions that do not learn: the first is where attention goes that has nowhere to go (2309.17453), and to
# change it makes training unsteady (2506.06266, section 3).
SINKS = 1


@dataclass(frozen=True, eq=False)
class Prefixes(Members):
    """KV prefixes (prefix tuning, 2101.00190; Cartridges, 2506.06266) of a causal LLM.

    Keys and values are [members, layers, heads, virtual tokens, head size]. In front of a row they cost no
    computation.
    """

    method = "prefix"
    keys: Tensor
    values: Tensor

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Keys and values."""
        return {"keys": self.keys, "values": self.values}

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """Other keys and values."""
        return type(self)(tensors["keys"], tensors["values"])

    @property
    def virtual_tokens(self) -> int:
        """Positions in front of a row."""
        return int(self.keys.shape[3])

    def contexts(self, llm: FrozenLLM, context: Context | None) -> list[Context]:
        """Its keys and values behind the context, as if they had been read; gradients reach them."""
        [parent] = of_kind(KeysAndValues, [context])
        keys, values = (tensor.to(llm.head).unbind() for tensor in (self.keys, self.values))
        return [
            KeysAndValues(*both, parent=parent, deltas=None if parent is None else parent.deltas)
            for both in zip(keys, values, strict=True)
        ]

    def rows(self) -> Tensor:
        """The keys and values of each position."""
        return torch.stack([flat(*both) for both in zip(self.keys, self.values, strict=True)])

    def artifacts(self) -> list[bytes]:
        """PEFT's weights of a cartridge."""
        return [bytes_of({KEY: flat(*both)}) for both in zip(self.keys, self.values, strict=True)]

    def mask_frozen(self, kept: int) -> None:
        """The attention sink stays as it is."""
        for tensor in self.tensors.values():
            assert tensor.grad is not None
            tensor.grad[:, :, :, : max(kept, SINKS)] = 0


def of_prompts(llm: FrozenLLM, prompts: Tensor, context: Context | None) -> Prefixes:
    """The keys and values of soft prompts [members, virtual tokens, hidden], read behind a context.

    ValueError: the LLM is no causal one.
    """
    causal(llm)
    found = of_kind(KeysAndValues, prefill(llm, [[]] * len(prompts), context, list(prompts)))
    kept = [one for one in found if one is not None]
    return Prefixes(
        torch.stack([one.keys for one in kept]).float(), torch.stack([one.values for one in kept]).float()
    )


def flat(keys: Tensor, values: Tensor) -> Tensor:
    """Keys and values [layers, heads, positions, head size] as PEFT keeps them: [positions, numbers].

    A row for each position, in it each layer's keys, then its values, head by head.
    """
    return torch.stack([keys, values], dim=1).permute(3, 0, 1, 2, 4).reshape(keys.shape[2], -1)


def from_bytes(llm: FrozenLLM, data: bytes) -> Prefixes:
    """One member from its bytes. FormatError: they are no prefix, or one that does not fit the LLM."""
    rows = virtual_tokens(data)
    try:
        layers, heads, size = causal(llm).cache_shape
    except ValueError as error:
        raise FormatError(str(error)) from error
    if rows.shape[1] != 2 * layers * heads * size:
        raise FormatError(f"expected [virtual tokens, {2 * layers * heads * size}], got {list(rows.shape)}")
    both = rows.view(len(rows), layers, 2, heads, size).permute(2, 1, 3, 0, 4)
    return Prefixes(both[0][None].contiguous(), both[1][None].contiguous())


def causal(llm: FrozenLLM) -> CausalLLM:
    """The LLM, as one that a prefix can stand before. ValueError: it is none."""
    if not isinstance(llm, CausalLLM):
        raise ValueError(
            f"{llm.identity.id!r} is an encoder-decoder, which keeps no keys and values of what it reads: "
            "use the method prompt or lora"
        )
    return llm
