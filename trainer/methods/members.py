"""The members of a version: the tensors that each has learned for the frozen LLM, by one method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

import torch
from torch import Tensor

from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import add_gradients
from trainer.options import Method, Placement


@dataclass(frozen=True)
class Conditioning:
    """What precedes each row of a batch: a context, and then, if any, a soft prompt.

    `prompts` are [rows, virtual tokens, hidden].
    """

    contexts: list[Context | None]
    prompts: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Members(ABC):
    """Named tensors, float32, each with the members as its first dimension.

    `placement` says where a member stands: before the passages that it reads, or behind them.
    """

    method: ClassVar[Method]
    placement: Placement = field(default="front", kw_only=True)

    @property
    @abstractmethod
    def tensors(self) -> Mapping[str, Tensor]:
        """The tensors that are learned, by name."""

    @abstractmethod
    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """Members of the same method and placement with these tensors."""

    @property
    @abstractmethod
    def virtual_tokens(self) -> int:
        """Positions that a member takes before a row."""

    @property
    def computed_tokens(self) -> int:
        """How many of those are computed again for each row."""
        return 0

    def condition(self, llm: FrozenLLM, rows: Sequence[int], after: Sequence[Context | None]) -> Conditioning:
        """What precedes rows: for each its context in `after`, then the member with its number in `rows`.

        Gradients reach the members' tensors.
        """
        members = {context: self.contexts(llm, context) for context in dict.fromkeys(after)}
        return Conditioning([members[context][row] for row, context in zip(rows, after, strict=True)])

    @abstractmethod
    def contexts(self, llm: FrozenLLM, context: Context | None = None) -> list[Context]:
        """A context for each member: what the LLM keeps of `context` followed by the member.

        A `Row` with this context is answered by the member.
        """

    @abstractmethod
    def vectors(self) -> Tensor:
        """The members as vectors to compare them by: [members, positions, numbers]."""

    @abstractmethod
    def artifacts(self) -> list[bytes]:
        """Each member as safetensors bytes, float32, with PEFT's names."""

    @abstractmethod
    def mask_frozen(self, frozen_tokens: int) -> None:
        """Set the gradient to 0 where nothing is to learn, such as the first `frozen_tokens` positions."""

    def appended_to(self, frozen: Self) -> Self:
        """Members whose first part is `frozen`. ValueError: members of this method cannot be appended."""
        raise ValueError(f"nothing can be appended to members of the method {self.method}")

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, chosen: Sequence[int] | slice) -> Self:
        return self.with_tensors({name: tensor[chosen] for name, tensor in self.tensors.items()})

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    def trainable_copy(self, device: torch.device) -> Self:
        """A float32 copy on a device whose tensors are leaves that require a gradient."""
        return self.with_tensors(
            {
                name: tensor.detach().to(device, torch.float32, copy=True).requires_grad_()
                for name, tensor in self.tensors.items()
            }
        )

    def detached(self, device: torch.device | str) -> Self:
        """The same members on a device, without gradients."""
        return self.with_tensors({name: tensor.detach().to(device) for name, tensor in self.tensors.items()})

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss to the tensors' gradients: all of it, or nothing if it fails."""
        add_gradients(loss, list(self.tensors.values()))

    def clip_gradients(self, max_norm: float) -> None:
        """Scale each member's gradient down to the norm `max_norm` if its own norm is above that."""
        gradients = [tensor.grad for tensor in self.tensors.values() if tensor.grad is not None]
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
        scales = (max_norm / norms.clamp(min=1e-12)).clamp(max=1.0)
        for gradient in gradients:
            gradient *= scales.view(-1, *[1] * (gradient.ndim - 1))


def join_members(parts: Sequence[Members]) -> Members:
    """The members of all parts, which have the same method and shape."""
    first = parts[0]
    names = first.tensors
    return first.with_tensors({name: torch.cat([part.tensors[name] for part in parts]) for name in names})
