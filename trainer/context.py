"""What the LLM has read already: keys and values kept, so that rows with one beginning read it once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import Cache, DynamicCache

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


def stacked(llm: FrozenLLM, contexts: Sequence[Context | None]) -> tuple[Cache, Tensor]:
    """One cache for a batch of rows, each behind its own context, and its mask [rows, longest context].

    Shorter contexts are padded in front. Gradients reach contexts that want them.
    """
    lengths = [context.length if context else 0 for context in contexts]
    longest = max(lengths)
    cache = DynamicCache(config=llm.model.config)
    mask = torch.zeros(len(contexts), longest, dtype=torch.long, device=llm.device)
    for row, length in enumerate(lengths):
        mask[row, longest - length :] = 1
    if longest == 0:
        return cache, mask
    model = next(context for context in contexts if context)
    layers, heads, _, size = model.keys.shape
    chains = [context.chain() if context else [] for context in contexts]
    for layer in range(layers):
        pair = []
        for name in ("keys", "values"):
            rows = []
            for chain, length in zip(chains, lengths, strict=True):
                parts = [getattr(part, name)[layer] for part in chain]
                if length < longest:
                    parts.insert(0, model.keys.new_zeros(heads, longest - length, size))
                rows.append(parts[0] if len(parts) == 1 else torch.cat(parts, dim=1))
            pair.append(torch.stack(rows))
        cache.update(pair[0], pair[1], layer)
    return cache, mask
