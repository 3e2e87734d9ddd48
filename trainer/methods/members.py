"""The members of a version: what each has learned in front of, or beside, the frozen LLM, by one method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor

from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM

Method = Literal["prompt", "prefix", "lora"]


def method_of(recipe: Mapping[str, Any]) -> Method:
    """What the members of a version are, by the recipe that is kept with it; old ones do not say so."""
    method: Method = recipe.get("method", "prompt")
    return method


@dataclass(frozen=True)
class Conditioning:
    """What rows of members stand behind: a context each, and soft prompts [rows, virtual tokens, hidden]."""

    contexts: list[Context | None]
    prompts: Tensor | None = None


class Members(ABC):
    """Tensors by their names, float32, each with the members as its first dimension."""

    method: ClassVar[Method]

    @property
    @abstractmethod
    def tensors(self) -> Mapping[str, Tensor]:
        """What is learned."""

    @abstractmethod
    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """Members of the same kind that have other tensors."""

    @property
    @abstractmethod
    def virtual_tokens(self) -> int:
        """Positions that a member takes in front of a row."""

    @property
    def computed_tokens(self) -> int:
        """Those of its positions that are computed for each row anew."""
        return 0

    def condition(self, llm: FrozenLLM, rows: Sequence[int], context: Context | None) -> Conditioning:
        """Where rows stand, each of the member with this number, and all behind one context; gradients reach
        the members' tensors.
        """
        known = self.contexts(llm, context)
        return Conditioning([known[member] for member in rows])

    @abstractmethod
    def contexts(self, llm: FrozenLLM, context: Context | None) -> list[Context]:
        """What `llm` keeps of each member, to read and answer behind it."""

    @abstractmethod
    def rows(self) -> Tensor:
        """What to compare members by: [members, positions, numbers]."""

    @abstractmethod
    def artifacts(self) -> list[bytes]:
        """Each member as safetensors bytes, float32, with PEFT's names."""

    @abstractmethod
    def mask_frozen(self, kept: int) -> None:
        """Take the gradient from what is not to learn, the first `kept` positions among it."""

    def appended_to(self, frozen: Self) -> Self:
        """Members of which `frozen` is the first part. ValueError: the method has no such."""
        raise ValueError(f"nothing can be appended to members of the method {self.method}")

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, chosen: Sequence[int] | slice) -> Self:
        return self.with_tensors({name: tensor[chosen] for name, tensor in self.tensors.items()})

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    def learning(self, device: torch.device) -> Self:
        """A copy of them on a device, whose tensors are leaves that want a gradient."""
        return self.with_tensors(
            {
                name: tensor.detach().to(device, torch.float32, copy=True).requires_grad_()
                for name, tensor in self.tensors.items()
            }
        )

    def detached(self, device: torch.device | str) -> Self:
        """The same numbers on a device, which want no gradient."""
        return self.with_tensors({name: tensor.detach().to(device) for name, tensor in self.tensors.items()})

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss to that of the tensors: all of it, or none where it fails on the way."""
        leaves = list(self.tensors.values())
        for tensor, gradient in zip(leaves, torch.autograd.grad(loss, leaves), strict=True):
            tensor.grad = gradient if tensor.grad is None else tensor.grad + gradient

    def clip(self, most: float) -> None:
        """Scale down each member's gradient whose norm is above `most`, each by its own norm."""
        gradients = [tensor.grad for tensor in self.tensors.values() if tensor.grad is not None]
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
        scales = (most / norms.clamp(min=1e-12)).clamp(max=1.0)
        for gradient in gradients:
            gradient *= scales.view(-1, *[1] * (gradient.ndim - 1))


def joined(parts: Sequence[Members]) -> Members:
    """The members of all parts, which have one method and one shape."""
    first = parts[0]
    names = first.tensors
    return first.with_tensors({name: torch.cat([part.tensors[name] for part in parts]) for name in names})
