"""Keys and values: what a causal LLM has read, kept part by part and put together for a batch of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import Cache, DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from trainer.llm.context import Context


@dataclass(frozen=True, eq=False)
class KeysAndValues(Context):
    """Keys and values [layers, heads, positions, head size]."""

    keys: Tensor
    values: Tensor

    @property
    def own(self) -> int:
        """Positions of this part alone."""
        return int(self.keys.shape[2])

    @property
    def kept_bytes(self) -> int:
        """Memory of what was read, this part alone."""
        return int(self.keys.nbytes + self.values.nbytes)


def stacked(
    model: PreTrainedModel, contexts: Sequence[KeysAndValues | None], room: int = 0
) -> tuple[Cache, Tensor]:
    """One cache for a batch of rows, each behind its own context, and its mask [rows, longest context].

    Shorter contexts are padded in front. Gradients reach contexts that want them, unless there is `room` for
    so many positions to come, which are then written where they belong instead of moving all before them.
    """
    lengths = [context.length if context else 0 for context in contexts]
    longest = max(lengths)
    cache = DynamicCache(config=model.config)
    mask = torch.zeros(len(contexts), longest, dtype=torch.long, device=model.device)
    for row, length in enumerate(lengths):
        mask[row, longest - length :] = 1
    if longest == 0:
        if torch.is_grad_enabled():
            cache.layers = [_Repeatable() if type(layer) is DynamicLayer else layer for layer in cache.layers]
        return cache, mask
    chains = [[part for part in context.chain() if part.own] if context else [] for context in contexts]
    # By layer at once: a gradient that came back from one layer alone would be a whole one of zeros.
    layers = {part: (part.keys.unbind(), part.values.unbind()) for chain in chains for part in chain}
    for number, layer in enumerate(cache.layers):
        keys, values = (
            _joined([[layers[part][kind][number] for part in chain] for chain in chains], longest)
            for kind in (0, 1)
        )
        # Layers of another kind keep a window, and what they keep is theirs to decide.
        if room and type(layer) is DynamicLayer:
            cache.layers[number] = _Roomy(keys, values, room)
        elif torch.is_grad_enabled() and type(layer) is DynamicLayer:
            cache.layers[number] = _Repeatable(keys, values)
        else:
            cache.update(keys, values, number)
    return cache, mask


def _joined(chains: Sequence[list[Tensor]], longest: int) -> Tensor:
    """Parts [heads, positions, head size] of rows as [rows, heads, longest, head size], zero in front."""
    some = next(chain for chain in chains if chain)[0]
    heads, _, size = some.shape
    rows = []
    for parts in chains:
        missing = longest - sum(part.shape[1] for part in parts)
        if missing:
            parts = [some.new_zeros(heads, missing, size), *parts]
        rows.append(parts[0] if len(parts) == 1 else torch.cat(parts, dim=1))
    return torch.stack(rows)


class _Repeatable(DynamicLayer):
    """A layer that is added to once, however often it is told: gradient checkpointing computes it twice."""

    def __init__(self, keys: Tensor | None = None, values: Tensor | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._before = keys, values
        if keys is not None and values is not None:
            self.lazy_initialization(keys, values)
            self.keys, self.values = keys, values

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Put what comes behind what was there at first."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        keys, values = self._before
        self.keys = key_states if keys is None else torch.cat([keys, key_states], dim=-2)
        self.values = value_states if values is None else torch.cat([values, value_states], dim=-2)
        return self.keys, self.values


class _Roomy(DynamicLayer):
    """A layer's keys and values [rows, heads, positions, head size], with room for so many positions more."""

    def __init__(self, keys: Tensor, values: Tensor, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(keys, values)
        self._buffers = pad(keys, (0, 0, 0, room)), pad(values, (0, 0, 0, room))
        self._length = keys.shape[-2]
        self._shown()

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write what comes behind what is there; beyond the room, as a layer without any does."""
        keys, values = self._buffers
        start, self._length = self._length, self._length + key_states.shape[-2]
        if self._length > keys.shape[-2]:
            self._buffers = (
                torch.cat([keys[:, :, :start], key_states], dim=-2),
                torch.cat([values[:, :, :start], value_states], dim=-2),
            )
        else:
            keys[:, :, start : self._length] = key_states
            values[:, :, start : self._length] = value_states
        return self._shown()

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep only these rows."""
        keys, values = self._buffers
        self._buffers = keys[indices], values[indices]
        self._shown()

    def _shown(self) -> tuple[Tensor, Tensor]:
        """The part of the buffers that is filled."""
        keys, values = (buffer[:, :, : self._length] for buffer in self._buffers)
        self.keys, self.values = keys, values
        return keys, values
