"""The causal LLM (GPT, Llama, Qwen): each position sees those before it, kept as keys and values."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import Cache

from trainer.llm.batch_types import Decoding, Pack, Row
from trainer.llm.causal_decoding import CausalDecoding
from trainer.llm.context import Context, contexts_of_kind, row_deltas
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.kv_cache import KeysAndValues, additive_mask, keeps_all, stack_contexts
from trainer.llm.lora_deltas import RowDeltas
from trainer.llm.static_decoding import StaticDecoding


class CausalLLM(FrozenLLM):
    """An LLM that reads [context][prompt][text] as one row and continues it."""

    @cached_property
    def context_tokens(self) -> int:
        """Positions the model was made for, virtual tokens included."""
        return int(getattr(self.model.config, "max_position_embeddings", 2048))

    @property
    def can_judge(self) -> bool:
        """Yes: an answer can be read on."""
        return True

    def hidden(
        self,
        embeddings: Tensor,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        cache: Cache | None = None,
        deltas: RowDeltas | None = None,
    ) -> Tensor:
        """Last hidden states of input embeddings, before the output head: [rows, length, hidden] -> the same.

        `mask` [rows, cached + length] is 1 at real positions; `positions` [rows, length] are their numbers;
        `cache` is read and extended in place; `deltas` are the rows' LoRA deltas.
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
        """Number of layers, number of key and value heads, size of a head."""
        [one] = contexts_of_kind(KeysAndValues, self.prefill([self.embed(torch.tensor([0]))], [None]))
        assert one is not None
        layers, heads, _, size = one.keys.shape
        return layers, heads, size

    def empty_context(self) -> KeysAndValues:
        """No keys and values."""
        layers, heads, size = self.cache_shape
        none = self.head.new_zeros(layers, heads, 0, size)
        return KeysAndValues(none, none)

    def prefill(self, rows: Sequence[Tensor], after: Sequence[Context | None]) -> list[Context]:
        """The keys and values of each row of embeddings [length, hidden], read after its context."""
        contexts = contexts_of_kind(KeysAndValues, after)
        # Padding at the end: the real positions before it cannot see it.
        embeddings = pad_sequence(list(rows), batch_first=True)
        cache, mask = stack_contexts(self.model, contexts)
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

    def start_decoding(self, rows: Sequence[Row], most: int) -> Decoding:
        """The rows, ready to be read up to where their answers begin."""
        if self.static_decoding and keeps_all(self.model):
            return StaticDecoding(self, self.hidden, rows, most)
        return CausalDecoding(self, self.hidden, rows, most)

    def answer_states(self, packs: Sequence[Pack], prompts: Tensor | None) -> Tensor:
        """One row per pack: its text is read once, and a mask hides its exchanges from one another."""
        virtual = 0 if prompts is None else prompts.shape[1]
        length = max(pack.length for pack in packs)
        rows = [[*pack.text, *(token for one in pack.exchanges for token in one.tokens)] for pack in packs]
        padded = torch.tensor([[*row, *[0] * (length - len(row))] for row in rows], device=self.device)
        embeddings = self.embed(padded)
        if prompts is not None:
            embeddings = torch.cat([prompts.to(embeddings), embeddings], dim=1)
        contexts = contexts_of_kind(KeysAndValues, [pack.context for pack in packs])
        cache, read = stack_contexts(self.model, contexts)
        # Laid out on the CPU, where many small writes cost little.
        seen, positions = (
            each.to(self.device) for each in _layout(packs, read.cpu(), virtual + length, virtual)
        )
        mask = additive_mask(seen, embeddings.dtype)
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
        """The states at the positions that predict a real token: p predicts token p + 1 - virtual tokens."""
        length = max(map(len, rows))
        # Padding at the end: the real positions before it cannot see it, so no mask is needed.
        padded = torch.tensor([[*row, *[row[-1]] * (length - len(row))] for row in rows], device=self.device)
        embeddings = self.embed(padded)
        virtual = 0
        if prompts is not None:
            virtual = prompts.shape[1]
            embeddings = torch.cat([prompts.to(embeddings), embeddings], dim=1)
        hidden = self._hidden_after(contexts_of_kind(KeysAndValues, contexts), embeddings)
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        real = torch.arange(length, device=self.device)[None] < lengths[:, None]
        real[:, : self.conditioned_tokens(length, virtual)] = False
        where, token = real.nonzero(as_tuple=True)
        return hidden[where, token + virtual - 1]

    def conditioned_tokens(self, length: int, virtual_tokens: int) -> int:
        """1 without virtual tokens; with them 0: the last one predicts the first token, as in PEFT."""
        return 0 if virtual_tokens else 1

    def positions(self, pack: Pack, virtual_tokens: int) -> int:
        """The length of the pack's one row; its context is not computed again."""
        return virtual_tokens + pack.length

    def logits(self, tokens: Sequence[int]) -> Tensor:
        """The model's own logits [vocabulary] after a text."""
        logits: Tensor = self.model(input_ids=torch.tensor([tokens], device=self.device)).logits[0, -1]
        return logits

    def _hidden_after(self, contexts: Sequence[KeysAndValues | None], embeddings: Tensor) -> Tensor:
        """Hidden states of rows of one length, each read after its context."""
        deltas = row_deltas(contexts)
        cache, read = stack_contexts(self.model, contexts)
        if read.shape[1] == 0:
            return self.hidden(embeddings, deltas=deltas)
        rows, length = embeddings.shape[:2]
        mask = torch.cat([read, read.new_ones(rows, length)], dim=1)
        positions = read.sum(-1, keepdim=True) + torch.arange(length, device=self.device)
        return self.hidden(embeddings, mask, positions, cache, deltas)


def _layout(packs: Sequence[Pack], cached: Tensor, length: int, virtual: int) -> tuple[Tensor, Tensor]:
    """Which positions each one sees, bool [packs, length, cached + length]; position numbers [packs, length].

    `cached` [packs, cached] is the mask of the contexts; a row is `virtual` tokens, the text, the exchanges.
    """
    before = cached.shape[1]
    seen = torch.zeros(len(packs), length, before + length, dtype=torch.bool, device=cached.device)
    positions = torch.zeros(len(packs), length, dtype=torch.long, device=cached.device)
    seen[:, :, :before] = cached[:, None].bool()
    # Each position sees at least itself: a softmax over nothing, at padding, would be NaN.
    seen[:, :, before:] = torch.eye(length, dtype=torch.bool, device=cached.device)
    for row, pack in enumerate(packs):
        start = int(cached[row].sum())
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
