"""The KV cache: the keys and values of what a causal LLM has read, in parts, joined for a batch of rows."""

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
    def own_length(self) -> int:
        """Positions of this part, without its parents."""
        return int(self.keys.shape[2])

    @property
    def own_bytes(self) -> int:
        """Memory of the keys and values of this part, in bytes."""
        return int(self.keys.nbytes + self.values.nbytes)


def stack_contexts(
    model: PreTrainedModel, contexts: Sequence[KeysAndValues | None], room: int = 0
) -> tuple[Cache, Tensor]:
    """One cache for a batch of rows, each after its own context, and its mask [rows, longest context].

    Shorter contexts are padded in front. With `room`, buffers are allocated for so many positions more, so
    that decoding copies nothing; no gradient passes such a cache. Without it, gradients reach the contexts.
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
    chains = [
        [part for part in context.chain() if part.own_length] if context else [] for context in contexts
    ]
    # All layers are unbound at once: indexing one would make its gradient a full tensor of zeros.
    layers = {part: (part.keys.unbind(), part.values.unbind()) for chain in chains for part in chain}
    for number, layer in enumerate(cache.layers):
        keys, values = (
            _joined([[layers[part][kind][number] for part in chain] for chain in chains], longest)
            for kind in (0, 1)
        )
        # Layers of other kinds keep a sliding window and update it themselves.
        if room and type(layer) is DynamicLayer:
            cache.layers[number] = _Roomy(keys, values, room)
        elif torch.is_grad_enabled() and type(layer) is DynamicLayer:
            cache.layers[number] = _Repeatable(keys, values)
        else:
            cache.update(keys, values, number)
    return cache, mask


def keeps_all(model: PreTrainedModel) -> bool:
    """Whether every layer keeps all keys and values; some models' layers keep a sliding window."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


def fixed_cache(
    model: PreTrainedModel,
    contexts: Sequence[KeysAndValues | None],
    room: int,
    place: Tensor,
) -> tuple[Cache, Tensor]:
    """As `stack_contexts` with room, but attention gets whole buffers, whatever of them is filled.

    What is read next goes to `place` [1], int64, which is then moved on by its owner; it is set here to where
    the contexts end.
    """
    cache, mask = stack_contexts(model, contexts)
    place.fill_(mask.shape[1])
    for number, layer in enumerate(cache.layers):
        read = [getattr(layer, name) for name in ("keys", "values")]
        cache.layers[number] = _Fixed(read, room, place)
    return cache, mask


def additive_mask(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """What attention adds: 0 where a position is seen [...], bool, and the least number where it is not."""
    none = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return none.masked_fill_(~seen, torch.finfo(dtype).min)


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
    """A layer whose update always starts from the same cache, so that checkpointing can compute it twice."""

    def __init__(self, keys: Tensor | None = None, values: Tensor | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._before = keys, values
        if keys is not None and values is not None:
            self.lazy_initialization(keys, values)
            self.keys, self.values = keys, values

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """The first keys and values followed by the new ones."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        keys, values = self._before
        self.keys = key_states if keys is None else torch.cat([keys, key_states], dim=-2)
        self.values = value_states if values is None else torch.cat([values, value_states], dim=-2)
        return self.keys, self.values


class _Roomy(DynamicLayer):
    """A layer's keys and values [rows, heads, positions, head size], in buffers with room for more."""

    def __init__(self, keys: Tensor, values: Tensor, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(keys, values)
        self._buffers = pad(keys, (0, 0, 0, room)), pad(values, (0, 0, 0, room))
        self._length = keys.shape[-2]
        self._filled()

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append keys and values: in place, or by copying once the room is used up."""
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
        return self._filled()

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep only these rows."""
        keys, values = self._buffers
        self._buffers = keys[indices], values[indices]
        self._filled()

    def _filled(self) -> tuple[Tensor, Tensor]:
        """Set the layer's keys and values to the filled part of the buffers."""
        keys, values = (buffer[:, :, : self._length] for buffer in self._buffers)
        self.keys, self.values = keys, values
        return keys, values


class _Fixed(DynamicLayer):
    """A layer's keys and values in buffers that attention sees whole; a mask says what of them is filled."""

    def __init__(self, read: Sequence[Tensor | None], room: int, place: Tensor) -> None:
        """`read` are the keys and values that there are already; None where nothing was read."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._read = read
        self._room = room
        self._place = place
        self._buffers: list[Tensor] = []

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write keys and values from the place on, again and again to the same one until it is moved."""
        if not self._buffers:
            self.lazy_initialization(key_states, value_states)
            self._buffers = [
                pad(states[:, :, :0] if kept is None else kept, (0, 0, 0, self._room))
                for kept, states in zip(self._read, (key_states, value_states), strict=True)
            ]
            self.keys, self.values = self._buffers
            self._read = ()  # it is in the buffers now
        where = self._place + torch.arange(key_states.shape[-2], device=self._place.device)
        keys, values = self._buffers
        return keys.index_copy_(2, where, key_states), values.index_copy_(2, where, value_states)
