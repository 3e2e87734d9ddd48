"""The method `lora`: low-rank deltas of queries and values, one set for each member."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.lora_deltas import LoraDeltas
from trainer.methods.members import Members
from trainer.methods.tensors import FormatError, tensors_from_bytes, tensors_to_bytes

_NAME = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")


@dataclass(frozen=True, eq=False)
class Loras(Members):
    """LoRA (2106.09685): A [members, rank, in] and B [members, out, rank] of each module, by PEFT's names."""

    method = "lora"
    weights: Mapping[str, Tensor]

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """A and B of each module."""
        return self.weights

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """Other A and B."""
        return replace(self, weights=tensors)

    @property
    def rank(self) -> int:
        """Rows of A."""
        return next(tensor.shape[1] for name, tensor in self.weights.items() if ".lora_A." in name)

    @property
    def virtual_tokens(self) -> int:
        """0: LoRA takes no positions."""
        return 0

    def contexts(self, llm: FrozenLLM, context: Context | None = None) -> list[Context]:
        """For each member, `context` without new positions and with the deltas from there on."""
        pairs = {
            module: [side.to(llm.head).unbind() for side in both]
            for module, both in lora_pairs(self.weights).items()
        }
        return [
            replace(
                llm.empty_context(),
                parent=context,
                deltas=LoraDeltas(
                    {module: (downs[member], ups[member]) for module, (downs, ups) in pairs.items()}
                ),
            )
            for member in range(len(self))
        ]

    def mask_frozen(self, frozen_tokens: int) -> None:
        """Nothing is masked: all of it learns."""

    def vectors(self) -> Tensor:
        """All numbers of a member as one position: [members, 1, numbers]."""
        return torch.cat([tensor.flatten(1) for tensor in self.weights.values()], dim=1)[:, None]

    def artifacts(self) -> list[bytes]:
        """PEFT's LoRA weights."""
        return [
            tensors_to_bytes({name: tensor[member] for name, tensor in self.weights.items()})
            for member in range(len(self))
        ]


def initial_loras(llm: FrozenLLM, members: int, rank: int, seed: int) -> Loras:
    """Deltas that change nothing yet, for each member other ones."""
    each = [initial_lora(llm.lora_targets, rank, seed + member) for member in range(members)]
    return Loras({name: torch.stack([one[name] for one in each]).to(llm.device) for name in each[0]})


def initial_lora(targets: Mapping[str, tuple[int, int]], rank: int, seed: int) -> dict[str, Tensor]:
    """A and B, by PEFT's names, that change nothing yet: A is random and B is 0 (2106.09685, section 4.1).

    `targets` are the sizes (out, in) of the modules, by their names.
    """
    generator = torch.Generator().manual_seed(seed)
    weights: dict[str, Tensor] = {}
    for module, (out, into) in targets.items():
        bound = 1 / math.sqrt(into)
        down = torch.empty(rank, into).uniform_(-bound, bound, generator=generator)
        weights[lora_name(module, "A")] = down
        weights[lora_name(module, "B")] = torch.zeros(out, rank)
    return weights


def lora_from_bytes(llm: FrozenLLM, data: bytes) -> Loras:
    """One member from its bytes. FormatError: they are not LoRA weights, or do not fit the LLM."""
    return lora_from_tensors(llm, tensors_from_bytes(data))


def lora_from_tensors(llm: FrozenLLM, tensors: Mapping[str, Tensor]) -> Loras:
    """One member from its A [rank, in] and B [out, rank], by PEFT's names. FormatError: they do not fit."""
    for name, tensor in tensors.items():
        module, side = lora_parts(name)
        if module not in llm.lora_targets:
            raise FormatError(
                f"LoRA here cannot change {module}: it changes {', '.join(llm.lora_targets)} of this LLM"
            )
        out, into = llm.lora_targets[module]
        size = into if side == "A" else out
        if tensor.ndim != 2 or tensor.shape[1 if side == "A" else 0] != size:
            raise FormatError(f"{name} is {list(tensor.shape)}: one side of it should be {size}")
    check_lora(tensors)
    return Loras({name: tensor[None] for name, tensor in tensors.items()})


def joined_loras(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One LoRA that does what both do, from the A [rank, in] and B [out, rank] of each, by PEFT's names.

    Its rank is the sum of theirs. Where one leaves a layer alone, that layer has zeros for it.
    """
    joined: dict[str, Tensor] = {}
    for name in sorted({*first, *second}):
        along = 0 if lora_parts(name)[1] == "A" else 1
        some = first[name] if name in first else second[name]
        parts = []
        for weights in (first, second):
            shape = list(some.shape)
            shape[along] = lora_rank(weights)
            parts.append(weights[name] if name in weights else some.new_zeros(shape))
        joined[name] = torch.cat(parts, dim=along)
    return joined


def check_lora(weights: Mapping[str, Tensor]) -> None:
    """Raise FormatError unless these are an A and a B for each module, matrices of one rank above 0."""
    for name, tensor in weights.items():
        if tensor.ndim != 2:
            raise FormatError(f"{name} {list(tensor.shape)} is no matrix")
    ranks = {rank for down, up in lora_pairs(weights).values() for rank in (down.shape[0], up.shape[1])}
    if len(ranks) != 1 or 0 in ranks:
        raise FormatError(f"all modules have an A and a B of one rank above 0, got {sorted(ranks)}")


def lora_pairs(weights: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """The A and the B of each module, from tensors by PEFT's names. FormatError: one of them is missing."""
    sides: dict[str, dict[str, Tensor]] = {}
    for name, tensor in weights.items():
        module, side = lora_parts(name)
        sides.setdefault(module, {})[side] = tensor
    if any(len(both) != 2 for both in sides.values()):
        raise FormatError("LoRA weights are an A and a B, lora_A and lora_B, for each module")
    return {module: (both["A"], both["B"]) for module, both in sides.items()}


def lora_rank(weights: Mapping[str, Tensor]) -> int:
    """Rows of A. FormatError: there is no A."""
    for name, tensor in weights.items():
        if lora_parts(name)[1] == "A":
            return len(tensor)
    raise FormatError("there is no weight of LoRA")


def lora_name(module: str, side: str) -> str:
    """PEFT's name of the A or B of a module."""
    return f"base_model.model.{module}.lora_{side}.weight"


def lora_parts(name: str) -> tuple[str, str]:
    """The module and the side, A or B, that a tensor is named after. FormatError: it is named otherwise."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise FormatError(f"{name} is no weight of LoRA")
    return match["module"], match["side"]
