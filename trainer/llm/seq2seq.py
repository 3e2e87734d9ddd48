"""The encoder-decoder LLM (T5, Flan-T5): an encoder reads the text, a decoder writes the answer.

Each position of an encoder sees all others, so states cannot be computed before the whole text is known. A
context is kept as embeddings, and read again together with what follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, EncoderDecoderCache

from trainer.llm.batch_types import Exchange, Pack, Row
from trainer.llm.context import Context, contexts_of_kind, row_deltas
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.lora_deltas import LoraDeltas, RowDeltas

# The length of the texts that T5 was trained on (1910.10683, section 3.1.2).
_CONTEXT_TOKENS = 512
# Tokenizers without a limit give a number like 10^30.
_NO_LIMIT = 1_000_000


@dataclass(frozen=True, eq=False)
class Embeddings(Context):
    """Input embeddings [positions, hidden] of the encoder."""

    embeddings: Tensor

    @property
    def own_length(self) -> int:
        """Positions of this part, without its parents."""
        return len(self.embeddings)

    @property
    def own_bytes(self) -> int:
        """Memory of the embeddings of this part, in bytes."""
        return int(self.embeddings.nbytes)


class Seq2SeqLLM(FrozenLLM):
    """The encoder reads [context][prompt][text] and the end-of-text token, as in T5's own training."""

    @cached_property
    def context_tokens(self) -> int:
        """Positions the encoder was trained on; relative positions go on, but it has seen no longer text."""
        limit = getattr(self.model.config, "n_positions", None) or self.tokenizer.model_max_length
        return int(limit) if limit < _NO_LIMIT else _CONTEXT_TOKENS

    @cached_property
    def scale(self) -> float:
        """The factor on states before the head: below 1 for T5 1.0, whose head is its input embeddings."""
        config = self.model.config
        return float(config.d_model**-0.5) if getattr(config, "scale_decoder_outputs", False) else 1.0

    def empty_context(self) -> Embeddings:
        """A context without embeddings."""
        return Embeddings(self.head.new_zeros(0, self.identity.hidden_size))

    def prefill(self, rows: Sequence[Tensor], after: Sequence[Context | None]) -> list[Context]:
        """The rows [length, hidden] themselves: the encoder reads them together with what follows."""
        contexts = contexts_of_kind(Embeddings, after)
        return [
            Embeddings(row, parent=context, deltas=None if context is None else context.deltas)
            for row, context in zip(rows, contexts, strict=True)
        ]

    def start_decoding(self, rows: Sequence[Row], most: int) -> Seq2SeqDecoding:
        """The rows, read by the encoder; no answer is decoded yet."""
        return Seq2SeqDecoding(self, rows)

    def answer_states(self, packs: Sequence[Pack], prompts: Tensor | None) -> Tensor:
        """The encoder reads each different turn of a pack, with the pack's text, once for all its answers.

        Answers that differ in the last token only share a row of the decoder.
        """
        turns: dict[tuple[int, tuple[int, ...]], int] = {}
        answers: dict[tuple[int, tuple[int, ...]], int] = {}
        inputs: list[Tensor] = []
        deltas: list[LoraDeltas | None] = []
        where: list[tuple[int, int]] = []
        for number, pack in enumerate(packs):
            for exchange in pack.exchanges:
                turn = number, tuple(exchange.turn)
                if turn not in turns:
                    turns[turn] = len(inputs)
                    deltas.append(None if pack.context is None else pack.context.deltas)
                    prompt = None if prompts is None else prompts[number]
                    inputs.append(self.encoder_input(pack.context, prompt, [*pack.text, *exchange.turn]))
                answer = turns[turn], tuple(exchange.answer[:-1])
                row = answers.setdefault(answer, len(answers))
                where += [(row, place) for place in range(len(exchange.answer))]
        states, mask = self.encoder_states(inputs, RowDeltas(deltas))
        turn_at = torch.tensor([turn for turn, _ in answers], device=self.device)
        # Padding at the end: the decoder's real positions before it cannot see it.
        answered = [torch.tensor([self.start, *tokens], device=self.device) for _, tokens in answers]
        hidden = self.decoder_states(
            pad_sequence(answered, batch_first=True),
            states[turn_at],
            mask[turn_at],
            RowDeltas([deltas[turn] for turn, _ in answers]),
        )
        rows_at, places = torch.tensor(where, device=self.device).T
        return hidden[rows_at, places]

    def continuation_states(
        self, rows: Sequence[Sequence[int]], prompts: Tensor | None, contexts: Sequence[Context | None]
    ) -> Tensor:
        """Prefix language modelling: the encoder reads a row's first half, the decoder goes on from there."""
        packs = []
        for row, context in zip(rows, contexts, strict=True):
            half = self.conditioned_tokens(len(row), 0)
            packs.append(Pack([Exchange(row[:half], row[half:])], context=context))
        return self.answer_states(packs, prompts)

    def conditioned_tokens(self, length: int, virtual_tokens: int) -> int:
        """Half of the row: T5 splits at random (1910.10683, section 3.2.3), on average in the middle.

        Rows start at other places in each epoch, so every token is predicted in some of them.
        """
        return length // 2

    def positions(self, pack: Pack, virtual_tokens: int) -> int:
        """Each exchange is read together with everything before it."""
        before = virtual_tokens + len(pack.text) + (pack.context.length if pack.context else 0)
        return sum(before + len(exchange.tokens) for exchange in pack.exchanges)

    def logits(self, tokens: Sequence[int]) -> Tensor:
        """The model's own logits [vocabulary] of an answer's first token."""
        text = torch.tensor([[*tokens, self.end]], device=self.device)
        start = torch.tensor([[self.start]], device=self.device)
        logits: Tensor = self.model(input_ids=text, decoder_input_ids=start).logits[0, -1]
        return logits

    # Encoder and decoder

    @cached_property
    def start(self) -> int:
        """The token that the decoder starts an answer with."""
        config: Any = self.model.config
        generation: Any = self.model.generation_config
        found = [each.decoder_start_token_id for each in (generation, config) if each is not None]
        return int(next(token for token in [*found, config.pad_token_id] if token is not None))

    @cached_property
    def end(self) -> int:
        """The token that ends a text."""
        return int(self.tokenizer.eos_token_id)

    def encoder_input(self, context: Context | None, prompt: Tensor | None, tokens: Sequence[int]) -> Tensor:
        """The encoder's input embeddings [length, hidden]."""
        [before] = contexts_of_kind(Embeddings, [context])
        text = self.embed(torch.tensor([*tokens, self.end]))
        front = [part.embeddings for part in before.chain()] if before else []
        if prompt is not None:
            front.append(prompt)
        return torch.cat([*(part.to(text) for part in front), text])

    def encoder_states(self, rows: Sequence[Tensor], deltas: RowDeltas) -> tuple[Tensor, Tensor]:
        """The encoder's states [rows, longest, hidden] of input embeddings, and their mask."""
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        padded = pad_sequence(list(rows), batch_first=True)
        mask = (torch.arange(padded.shape[1], device=self.device)[None] < lengths[:, None]).long()
        with deltas.applied():
            output = self.model.get_encoder()(inputs_embeds=padded, attention_mask=mask)
        states: Tensor = output.last_hidden_state
        return states, mask

    def decoder_states(
        self,
        tokens: Tensor,
        states: Tensor,
        mask: Tensor,
        deltas: RowDeltas,
        decoder_mask: Tensor | None = None,
        cache: EncoderDecoderCache | None = None,
    ) -> Tensor:
        """The decoder's states [rows, length, hidden], scaled for the head, of tokens [rows, length].

        `states` and `mask` are the encoder's; `decoder_mask` [rows, cached + length] is 1 at the decoder's
        real positions; `cache` is read and extended in place.
        """
        with deltas.applied():
            output = self.model.get_decoder()(
                input_ids=tokens,
                attention_mask=decoder_mask,
                encoder_hidden_states=states,
                encoder_attention_mask=mask,
                past_key_values=cache,
                use_cache=cache is not None,
            )
        hidden: Tensor = output.last_hidden_state
        return hidden * self.scale


class Seq2SeqDecoding:
    """A batch of answers to the texts that the encoder has read."""

    def __init__(self, llm: Seq2SeqLLM, rows: Sequence[Row]) -> None:
        self._llm = llm
        inputs = [llm.encoder_input(row.context, row.prompt, row.tokens) for row in rows]
        self._deltas = row_deltas([row.context for row in rows])
        self._states, self._mask = llm.encoder_states(inputs, self._deltas)
        config = llm.model.get_decoder().config
        self._cache = EncoderDecoderCache(DynamicCache(config=config), DynamicCache(config=config))
        beginnings = [[llm.start, *row.beginning] for row in rows]
        longest = max(map(len, beginnings))
        # Padding in front does not matter to relative positions.
        padded = [[0] * (longest - len(row)) + row for row in beginnings]
        self._beginnings = torch.tensor(padded, device=llm.device)
        mask = [[0] * (longest - len(row)) + [1] * len(row) for row in beginnings]
        self._decoder_mask = torch.tensor(mask, device=llm.device)

    def step(self, tokens: Tensor | None) -> Tensor:
        """Feed the last tokens [rows], None at first; hidden states [rows, hidden] that predict the next."""
        if tokens is None:
            fed = self._beginnings
        else:
            fed = tokens[:, None].to(self._beginnings)
            self._decoder_mask = torch.cat(
                [self._decoder_mask, self._decoder_mask.new_ones(len(tokens), 1)], dim=1
            )
        states = self._llm.decoder_states(
            fed, self._states, self._mask, self._deltas, self._decoder_mask, self._cache
        )
        return states[:, -1]

    def select(self, rows: Tensor) -> None:
        """Keep only these rows."""
        self._cache.batch_select_indices(rows)
        self._states, self._mask, self._decoder_mask = (
            self._states[rows],
            self._mask[rows],
            self._decoder_mask[rows],
        )
        self._deltas = self._deltas.select(rows)
