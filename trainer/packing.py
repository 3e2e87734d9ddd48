"""Exchanges packed behind one text: many questions, each with its answer, that cannot see one another.

A passage is read once for all that is asked about it; positions and attention are those of each exchange
alone behind the passage, so the losses are too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainer.context import Context, stacked
from trainer.frozen import FrozenLLM
from trainer.loss import token_loss


@dataclass(frozen=True)
class Exchange:
    """Tokens of a turn, and those of the answer to it, which alone are learned."""

    turn: Sequence[int]
    answer: Sequence[int]
    weight: float = 1.0

    @property
    def tokens(self) -> list[int]:
        """The turn and the answer."""
        return [*self.turn, *self.answer]


@dataclass(frozen=True)
class Pack:
    """Exchanges behind `text`, which is behind the context."""

    exchanges: Sequence[Exchange]
    text: Sequence[int] = field(default_factory=list)
    context: Context | None = None

    @property
    def length(self) -> int:
        """Tokens to compute, virtual tokens not counted."""
        return len(self.text) + sum(len(exchange.tokens) for exchange in self.exchanges)


def pack_losses(llm: FrozenLLM, packs: Sequence[Pack], prompts: Tensor | None = None) -> list[list[Tensor]]:
    """Negative log-likelihood, nats, of every answer token: for each pack, a float32 tensor an exchange.

    A row is [context][prompt][text][exchange], for each exchange; prompts [packs, virtual tokens, hidden].
    Gradients reach `prompts` and contexts that want them.
    """
    virtual = 0 if prompts is None else prompts.shape[1]
    length = max(pack.length for pack in packs)
    rows = [[*pack.text, *(token for one in pack.exchanges for token in one.tokens)] for pack in packs]
    padded = torch.tensor([[*row, *[0] * (length - len(row))] for row in rows], device=llm.device)
    embeddings = llm.embed(padded)
    if prompts is not None:
        embeddings = torch.cat([prompts.to(embeddings), embeddings], dim=1)
    cache, read = stacked(llm, [pack.context for pack in packs])
    seen, positions = _layout(packs, read, virtual + length, virtual)
    least = torch.finfo(embeddings.dtype).min
    mask = torch.zeros(seen.shape, dtype=embeddings.dtype, device=llm.device).masked_fill_(~seen, least)
    hidden = llm.hidden(embeddings, mask[:, None], positions, cache)
    where: list[tuple[int, int]] = []
    targets: list[int] = []
    sizes: list[int] = []
    for row, pack in enumerate(packs):
        end = virtual + len(pack.text)
        for exchange in pack.exchanges:
            end += len(exchange.tokens)
            size = len(exchange.answer)
            where += [(row, place - 1) for place in range(end - size, end)]
            targets += exchange.answer
            sizes.append(size)
    rows_at, places = torch.tensor(where, device=llm.device).T
    losses = token_loss(hidden[rows_at, places], llm.head, torch.tensor(targets, device=llm.device))
    split = iter(losses.split(sizes))
    return [[next(split) for _ in pack.exchanges] for pack in packs]


def _layout(packs: Sequence[Pack], read: Tensor, length: int, virtual: int) -> tuple[Tensor, Tensor]:
    """What each position may see [packs, length, read + length], and where it stands [packs, length]."""
    before = read.shape[1]
    seen = torch.zeros(len(packs), length, before + length, dtype=torch.bool, device=read.device)
    positions = torch.zeros(len(packs), length, dtype=torch.long, device=read.device)
    seen[:, :, :before] = read[:, None].bool()
    # Padding sees something, so that its softmax is a number.
    seen[:, :, before:] = torch.eye(length, dtype=torch.bool, device=read.device)
    for row, pack in enumerate(packs):
        start = int(read[row].sum())
        shared = virtual + len(pack.text)
        seen[row, :, before : before + shared] = True
        seen[row, :shared, before : before + shared] = seen.new_ones(shared, shared).tril()
        positions[row, :shared] = start + torch.arange(shared)
        place = shared
        for exchange in pack.exchanges:
            size = len(exchange.tokens)
            block = seen.new_ones(size, size).tril()
            seen[row, place : place + size, before + place : before + place + size] = block
            positions[row, place : place + size] = start + shared + torch.arange(size)
            place += size
    return seen, positions
