"""What the LLM has read already: keys and values kept, so that rows with one beginning read it once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from trainer.frozen import FrozenLLM


@dataclass(frozen=True, eq=False)
class Context:
    """Keys and values [layers, heads, positions, head size] of the positions that follow `parent`'s."""

    keys: Tensor
    values: Tensor
    parent: Context | None = None

    @property
    def own(self) -> int:
        """Positions of this part alone."""
        return int(self.keys.shape[2])

    @property
    def length(self) -> int:
        """Positions in all, the parents' included."""
        return self.own + (self.parent.length if self.parent else 0)

    @property
    def nbytes(self) -> int:
        """Memory of this part alone."""
        return int(self.keys.nbytes + self.values.nbytes)

    def chain(self) -> list[Context]:
        """The parts from the first read to this one."""
        return [*(self.parent.chain() if self.parent else []), self]


@torch.no_grad()
def read(
    llm: FrozenLLM,
    texts: Sequence[Sequence[int]],
    after: Sequence[Context | None] | Context | None = None,
    prompts: Sequence[Tensor | None] | None = None,
) -> list[Context]:
    """The context of each text's tokens behind its soft prompt, behind what was read before, in one batch.

    `after` is one context for all texts or one for each; prompts [virtual tokens, hidden], likewise.
    """
    contexts = [after] * len(texts) if after is None or isinstance(after, Context) else list(after)
    heads = [None] * len(texts) if prompts is None else list(prompts)
    embedded = [llm.embed(torch.tensor(text, dtype=torch.long)) for text in texts]
    rows = [
        row if head is None else torch.cat([head.to(row), row])
        for head, row in zip(heads, embedded, strict=True)
    ]
    # Rows are padded behind their end, where a causal model's earlier positions cannot see.
    embeddings = pad_sequence(rows, batch_first=True)
    cache, mask = stacked(llm, contexts)
    before, length = mask.shape[1], embeddings.shape[1]
    positions = mask.sum(-1, keepdim=True) + torch.arange(length, device=llm.device)
    llm.hidden(embeddings, torch.cat([mask, mask.new_ones(len(rows), length)], dim=1), positions, cache)
    found = []
    for number, (row, context) in enumerate(zip(rows, contexts, strict=True)):
        kept = slice(before, before + len(row))
        keys, values = (
            torch.stack([getattr(layer, name)[number, :, kept] for layer in cache.layers])
            for name in ("keys", "values")
        )
        found.append(Context(keys, values, context))
    return found


def stacked(llm: FrozenLLM, contexts: Sequence[Context | None], room: int = 0) -> tuple[Cache, Tensor]:
    """One cache for a batch of rows, each behind its own context, and its mask [rows, longest context].

    Shorter contexts are padded in front. Gradients reach contexts that want them, unless there is `room` for
    so many positions to come, which are then written where they belong instead of moving all before them.
    """
    lengths = [context.length if context else 0 for context in contexts]
    longest = max(lengths)
    cache = DynamicCache(config=llm.model.config)
    mask = torch.zeros(len(contexts), longest, dtype=torch.long, device=llm.device)
    for row, length in enumerate(lengths):
        mask[row, longest - length :] = 1
    if longest == 0:
        return cache, mask
    chains = [context.chain() if context else [] for context in contexts]
    for number, layer in enumerate(cache.layers):
        keys, values = (_joined(chains, name, number, longest) for name in ("keys", "values"))
        # Layers of another kind keep a window, and what they keep is theirs to decide.
        if room and type(layer) is DynamicLayer:
            cache.layers[number] = _Roomy(keys, values, room)
        else:
            cache.update(keys, values, number)
    return cache, mask


def _joined(chains: Sequence[list[Context]], name: str, layer: int, longest: int) -> Tensor:
    """Keys or values [rows, heads, longest, head size] of a layer, zero where nothing was read."""
    model = getattr(next(chain for chain in chains if chain)[0], name)
    rows = []
    for chain in chains:
        parts = [getattr(part, name)[layer] for part in chain]
        missing = longest - sum(part.own for part in chain)
        if missing:
            parts.insert(0, model.new_zeros(model.shape[1], missing, model.shape[3]))
        rows.append(parts[0] if len(parts) == 1 else torch.cat(parts, dim=1))
    return torch.stack(rows)


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
