"""Decodes answers with a causal LLM, token by token."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from transformers import Cache

from trainer.llm.batch_types import Row
from trainer.llm.context import contexts_of_kind, row_deltas
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.kv_cache import KeysAndValues, stack_contexts
from trainer.llm.lora_deltas import RowDeltas


class Hidden(Protocol):
    """The last hidden states of input embeddings, as `CausalLLM.hidden` gives them."""

    def __call__(
        self, embeddings: Tensor, mask: Tensor, positions: Tensor, cache: Cache, deltas: RowDeltas, /
    ) -> Tensor:
        """[rows, length, hidden] -> the same; the cache is extended."""


class CausalDecoding:
    """A batch of rows, padded in front so that all of them continue at the same position."""

    def __init__(self, llm: FrozenLLM, hidden: Hidden, rows: Sequence[Row], most: int) -> None:
        self._llm = llm
        self._hidden = hidden
        room = most + max(row.unread for row in rows)
        contexts = contexts_of_kind(KeysAndValues, [row.context for row in rows])
        self._deltas = row_deltas(contexts)
        self._cache, read = stack_contexts(llm.model, contexts, room)
        self._embeddings, mask = left_padded(llm, rows)
        self._mask = torch.cat([read, mask], dim=1)
        self._positions = (self._mask.cumsum(-1) - 1).clamp(min=0)[:, read.shape[1] :]

    def step(self, tokens: Tensor | None) -> Tensor:
        """Feed the last tokens [rows], None at first; hidden states [rows, hidden] that predict the next."""
        if tokens is not None:
            self._embeddings = self._llm.embed(tokens[:, None])
            self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), 1)], dim=1)
            self._positions = self._positions[:, -1:] + 1
        return self._hidden(self._embeddings, self._mask, self._positions, self._cache, self._deltas)[:, -1]

    def select(self, rows: Tensor) -> None:
        """Keep only these rows."""
        self._cache.batch_select_indices(rows)
        self._mask, self._positions = self._mask[rows], self._positions[rows]
        self._deltas = self._deltas.select(rows)


def left_padded(llm: FrozenLLM, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
    """Input embeddings [rows, length, hidden], padded in front, and their mask [rows, length]."""
    length = max(row.unread for row in rows)
    texts = [[*row.tokens, *row.beginning] for row in rows]
    embeddings = llm.embed(torch.tensor([[*[0] * (length - len(text)), *text] for text in texts]))
    mask = torch.zeros(len(rows), length, dtype=torch.long, device=llm.device)
    for number, row in enumerate(rows):
        mask[number, length - row.unread :] = 1
        if row.prompt is not None:
            start = length - row.unread
            embeddings[number, start : start + len(row.prompt)] = row.prompt.to(embeddings)
    return embeddings, mask
