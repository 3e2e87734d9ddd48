"""The causal LLM (GPT, Llama, Qwen): one stack that sees what is before, and keeps it as keys and values."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import Cache

from trainer.llm.batch_types import Pack, Row
from trainer.llm.context import Context, of_kind, row_deltas
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.kv_cache import KeysAndValues, stacked
from trainer.llm.lora_deltas import RowDeltas


class CausalLLM(FrozenLLM):
    """A row is [context][prompt][text], and goes on behind it."""

    @cached_property
    def context_tokens(self) -> int:
        """How many positions the model was made for, virtual tokens included."""
        return int(getattr(self.model.config, "max_position_embeddings", 2048))

    def hidden(
        self,
        embeddings: Tensor,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        cache: Cache | None = None,
        deltas: RowDeltas | None = None,
    ) -> Tensor:
        """Last hidden states of input embeddings, before the output head: [rows, length, hidden] -> the same.

        `mask` [rows, cached + length] is 1 at real positions, `positions` [rows, length] counts them,
        `cache` is read and extended in place, `changes` are those of the rows.
        """
        with (deltas or RowDeltas([])).applied():
            output = self.model.base_model(
                inputs_embeds=embeddings,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=cache is not None,
            )
        states: Tensor = output.last_hidden_state
        return states

    @cached_property
    @torch.no_grad()
    def cache_shape(self) -> tuple[int, int, int]:
        """Layers, heads of keys and values, and the size of a head."""
        [one] = of_kind(KeysAndValues, self.prefill([self.embed(torch.tensor([0]))], [None]))
        assert one is not None
        layers, heads, _, size = one.keys.shape
        return layers, heads, size

    def empty_context(self) -> KeysAndValues:
        """No keys and values."""
        layers, heads, size = self.cache_shape
        none = self.head.new_zeros(layers, heads, 0, size)
        return KeysAndValues(none, none)

    def prefill(self, rows: Sequence[Tensor], after: Sequence[Context | None]) -> list[Context]:
        """The keys and values of each row."""
        contexts = of_kind(KeysAndValues, after)
        # Rows are padded behind their end, where a causal model's earlier positions cannot see.
        embeddings = pad_sequence(list(rows), batch_first=True)
        cache, mask = stacked(self.model, contexts)
        before, length = mask.shape[1], embeddings.shape[1]
        positions = mask.sum(-1, keepdim=True) + torch.arange(length, device=self.device)
        mask = torch.cat([mask, mask.new_ones(len(rows), length)], dim=1)
        self.hidden(embeddings, mask, positions, cache, row_deltas(contexts))
        found: list[Context] = []
        for number, (row, context) in enumerate(zip(rows, contexts, strict=True)):
            kept = slice(before, before + len(row))
            keys, values = (
                torch.stack([getattr(layer, name)[number, :, kept] for layer in cache.layers])
                for name in ("keys", "values")
            )
            deltas = None if context is None else context.deltas
            found.append(KeysAndValues(keys, values, parent=context, deltas=deltas))
        return found

    def start_decoding(self, rows: Sequence[Row], most: int) -> "CausalDecoding":
        """The rows, read up to where their answers begin."""
        return CausalDecoding(self, rows, most)

    def answer_states(self, packs: Sequence[Pack], prompts: Tensor | None) -> Tensor:
        """A row for each pack: its text is read once, and its exchanges cannot see one another."""
        virtual = 0 if prompts is None else prompts.shape[1]
        length = max(pack.length for pack in packs)
        rows = [[*pack.text, *(token for one in pack.exchanges for token in one.tokens)] for pack in packs]
        padded = torch.tensor([[*row, *[0] * (length - len(row))] for row in rows], device=self.device)
        embeddings = self.embed(padded)
        if prompts is not None:
            embeddings = torch.cat([prompts.to(embeddings), embeddings], dim=1)
        contexts = of_kind(KeysAndValues, [pack.context for pack in packs])
        cache, read = stacked(self.model, contexts)
        seen, positions = _layout(packs, read, virtual + length, virtual)
        least = torch.finfo(embeddings.dtype).min
        mask = torch.zeros(seen.shape, dtype=embeddings.dtype, device=self.device).masked_fill_(~seen, least)
        hidden = self.hidden(embeddings, mask[:, None], positions, cache, row_deltas(contexts))
        where: list[tuple[int, int]] = []
        for row, pack in enumerate(packs):
            end = virtual + len(pack.text)
            for exchange in pack.exchanges:
                end += len(exchange.tokens)
                where += [(row, place - 1) for place in range(end - len(exchange.answer), end)]
        rows_at, places = torch.tensor(where, device=self.device).T
        return hidden[rows_at, places]

    def continuation_states(
        self, rows: Sequence[Sequence[int]], prompts: Tensor | None, contexts: Sequence[Context | None]
    ) -> Tensor:
        """Position p predicts token p + 1 - virtual tokens: just the positions that predict a real token."""
        length = max(map(len, rows))
        # Rows are padded behind their end, where earlier positions cannot see: no mask needed.
        padded = torch.tensor([[*row, *[row[-1]] * (length - len(row))] for row in rows], device=self.device)
        embeddings = self.embed(padded)
        virtual = 0
        if prompts is not None:
            virtual = prompts.shape[1]
            embeddings = torch.cat([prompts.to(embeddings), embeddings], dim=1)
        hidden = self._behind(of_kind(KeysAndValues, contexts), embeddings)
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        real = torch.arange(length, device=self.device)[None] < lengths[:, None]
        real[:, : self.conditioned_tokens(length, virtual)] = False
        where, token = real.nonzero(as_tuple=True)
        return hidden[where, token + virtual - 1]

    def conditioned_tokens(self, length: int, virtual_tokens: int) -> int:
        """The last virtual token predicts the first token (as in PEFT); without any, nothing does."""
        return 0 if virtual_tokens else 1

    def positions(self, pack: Pack, virtual_tokens: int) -> int:
        """One row; the context is there already."""
        return virtual_tokens + pack.length

    def logits(self, tokens: Sequence[int]) -> Tensor:
        """The model's own logits [vocabulary] behind a text."""
        logits: Tensor = self.model(input_ids=torch.tensor([tokens], device=self.device)).logits[0, -1]
        return logits

    def _behind(self, contexts: Sequence[KeysAndValues | None], embeddings: Tensor) -> Tensor:
        """Hidden states of rows of one length, each of which goes on from its context."""
        deltas = row_deltas(contexts)
        cache, read = stacked(self.model, contexts)
        if read.shape[1] == 0:
            return self.hidden(embeddings, deltas=deltas)
        rows, length = embeddings.shape[:2]
        mask = torch.cat([read, read.new_ones(rows, length)], dim=1)
        positions = read.sum(-1, keepdim=True) + torch.arange(length, device=self.device)
        return self.hidden(embeddings, mask, positions, cache, deltas)


class CausalDecoding:
    """A batch of rows that end at one place, and go on token by token."""

    def __init__(self, llm: CausalLLM, rows: Sequence[Row], most: int) -> None:
        self._llm = llm
        room = most + max(row.unread for row in rows)
        contexts = of_kind(KeysAndValues, [row.context for row in rows])
        self._deltas = row_deltas(contexts)
        self._cache, read = stacked(llm.model, contexts, room)
        self._embeddings, mask = _left_padded(llm, rows)
        self._mask = torch.cat([read, mask], dim=1)
        self._positions = (self._mask.cumsum(-1) - 1).clamp(min=0)[:, read.shape[1] :]

    def step(self, tokens: Tensor | None) -> Tensor:
        """Hidden states [rows, hidden] behind these tokens [rows], at first behind what was read."""
        if tokens is not None:
            self._embeddings = self._llm.embed(tokens[:, None])
            self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), 1)], dim=1)
            self._positions = self._positions[:, -1:] + 1
        return self._llm.hidden(self._embeddings, self._mask, self._positions, self._cache, self._deltas)[
            :, -1
        ]

    def select(self, rows: Tensor) -> None:
        """Keep only these rows."""
        self._cache.batch_select_indices(rows)
        self._mask, self._positions = self._mask[rows], self._positions[rows]
        self._deltas = self._deltas.select(rows)


def _left_padded(llm: CausalLLM, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
    """Input embeddings [rows, length, hidden] that end at one place, and their mask [rows, length]."""
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
