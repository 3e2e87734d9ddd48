"""One LoRA (2106.09685) for all that an LLM reads: it runs beside the weights, or is folded into them.

The deltas of `lora_deltas` belong to single rows; this one belongs to the LLM, like a part of its weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from trainer.llm.lora_deltas import LORA_SCALE

# For each module, by its name: A [rank, in] and B [out, rank]. Its output for x grows by 2 B A x.
LoraWeights = Mapping[str, tuple[Tensor, Tensor]]


class Adaptation:
    """What adapts an LLM's linear layers; nothing at first."""

    def __init__(self, model: PreTrainedModel) -> None:
        """The output head stays as it is."""
        head = model.get_output_embeddings()
        self._layers = {
            name: module
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear) and module is not head
        }
        self._hooks: list[Any] = []
        self._weights: LoraWeights | None = None
        self._folded = False
        # Whether a forward pass draws random numbers while gradients are enabled: what it leaves out.
        self.draws = False

    @property
    def targets(self) -> dict[str, tuple[int, int]]:
        """Every layer's sizes (out, in), by its name."""
        return {name: (layer.out_features, layer.in_features) for name, layer in self._layers.items()}

    @property
    def is_beside(self) -> bool:
        """Whether deltas run beside the weights."""
        return bool(self._hooks)

    def holds(self, weights: LoraWeights | None) -> bool:
        """Whether exactly these deltas are in force; None stands for none."""
        mine = self._weights
        if weights is None or mine is None:
            return weights is mine
        return weights.keys() == mine.keys() and all(
            torch.equal(*pair) for name in weights for pair in zip(weights[name], mine[name], strict=True)
        )

    def beside(self, weights: LoraWeights, dropout: float = 0.0) -> None:
        """Add the deltas in every forward pass from now on, instead of those from before.

        Gradients reach A and B. With `dropout`, that share of a delta's inputs is 0 while gradients are
        enabled. Raises RuntimeError where something is folded in, and KeyError for an unknown layer.
        """
        self.remove()
        self._weights, self.draws = weights, dropout > 0
        self._hooks = [
            self._layers[name].register_forward_hook(partial(_with_delta, down, up, dropout))
            for name, (down, up) in weights.items()
        ]

    def instead(self, weights: LoraWeights) -> Turn:
        """A context in which these deltas are computed with in place of those in force now; {} is none.

        The deltas run minus those in force, which is the same but for rounding and needs no second copy of
        the weights. Raises KeyError for an unknown layer.
        """
        changes = _minus(weights, self._weights or {})
        return Turn([(self._layers[name], *delta) for name, delta in changes.items()])

    def remove(self) -> None:
        """Take away what runs beside the weights. RuntimeError: something is folded in."""
        if self._folded:
            raise RuntimeError("the LLM's weights have been changed already: load it again")
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self._weights, self.draws = None, False

    @torch.no_grad()
    def fold(self, weights: LoraWeights) -> None:
        """Add the deltas to the weights for good: the sum in float32, then rounded to the weights' dtype.

        Those that are folded in already are not added again. Raises RuntimeError where others are, and
        ValueError for quantized layers.
        """
        if self._folded and self.holds(weights):
            return
        self.remove()
        quantized = [name for name in weights if not self._layers[name].weight.is_floating_point()]
        if quantized:
            raise ValueError(f"{quantized[0]} is quantized: nothing can be added to its weights")
        for name, (down, up) in weights.items():
            weight = self._layers[name].weight
            delta = LORA_SCALE * (up.to(weight.device).float() @ down.to(weight.device).float())
            weight.copy_(weight.float() + delta)
        self._weights, self._folded = weights, True


def _with_delta(
    down: Tensor, up: Tensor, dropout: float, module: nn.Module, inputs: tuple[Any, ...], output: Tensor
) -> Tensor:
    row: Tensor = inputs[0]
    if dropout and torch.is_grad_enabled():
        row = nn.functional.dropout(row, dropout)
    return output + LORA_SCALE * ((row @ down.to(row).mT) @ up.to(row).mT).to(output.dtype)


class Turn(AbstractContextManager[None]):
    """A context in which layers have deltas A and B. It may be entered again, once it was left."""

    def __init__(self, changes: Sequence[tuple[nn.Module, Tensor, Tensor]]) -> None:
        self._changes = [(layer, partial(_with_delta, down, up, 0.0)) for layer, down, up in changes]
        self._hooks: list[RemovableHandle] = []

    def __enter__(self) -> None:
        self._hooks = [layer.register_forward_hook(hook) for layer, hook in self._changes]

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()


def _minus(weights: LoraWeights, others: LoraWeights) -> dict[str, tuple[Tensor, Tensor]]:
    """Deltas that do what `weights` do and undo what `others` do; a layer's rank is the sum of both."""
    found = dict(weights)
    for name, (down, up) in others.items():
        mine = found.get(name)
        if mine is None:
            found[name] = down, -up
        else:
            found[name] = torch.cat([mine[0].to(down), down]), torch.cat([mine[1].to(up), -up], dim=1)
    return found
