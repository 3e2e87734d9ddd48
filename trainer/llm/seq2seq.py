"""The encoder-decoder LLM (T5, Flan-T5): an encoder reads all that is given, a decoder answers to it.

Every position of an encoder sees all others, so nothing of what was read can be computed before the rest is
known: what was read is kept as embeddings, and read again with what follows.
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
from trainer.llm.context import Context, of_kind, row_deltas
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.lora_deltas import LoraDeltas, RowDeltas

# T5 has learned from texts of this length (1910.10683, section 3.1.2).
_CONTEXT_TOKENS = 512
# A tokenizer that knows no limit names a number like 10^30.
_NO_LIMIT = 1_000_000


@dataclass(frozen=True, eq=False)
class Embeddings(Context):
    """Input embeddings [positions, hidden] of the encoder."""

    embeddings: Tensor

    @property
    def own(self) -> int:
        """Positions of this part alone."""
        return len(self.embeddings)

    @property
    def kept_bytes(self) -> int:
        """Memory of what was read, this part alone."""
        return int(self.embeddings.nbytes)


class Seq2SeqLLM(FrozenLLM):
    """The encoder reads [context][prompt][text] and the token that ends a text, as in T5's own training."""

    @cached_property
    def context_tokens(self) -> int:
        """Positions the encoder was trained on: relative ones have no end, but it has seen no longer text."""
        told = getattr(self.model.config, "n_positions", None) or self.tokenizer.model_max_length
        return int(told) if told < _NO_LIMIT else _CONTEXT_TOKENS

    @cached_property
    def scale(self) -> float:
        """What states are multiplied by before the head: T5 1.0, whose head is its embeddings, wants so."""
        config = self.model.config
        return float(config.d_model**-0.5) if getattr(config, "scale_decoder_outputs", False) else 1.0

    def empty_context(self) -> Embeddings:
        """No embeddings."""
        return Embeddings(self.head.new_zeros(0, self.identity.hidden_size))

    def prefill(self, rows: Sequence[Tensor], after: Sequence[Context | None]) -> list[Context]:
        """The rows themselves: an encoder reads them together with what follows."""
        contexts = of_kind(Embeddings, after)
        return [
            Embeddings(row, parent=context, deltas=None if context is None else context.deltas)
            for row, context in zip(rows, contexts, strict=True)
        ]

    def start_decoding(self, rows: Sequence[Row], most: int) -> Seq2SeqDecoding:
        """The rows, read by the encoder."""
        return Seq2SeqDecoding(self, rows)

    def answer_states(self, packs: Sequence[Pack], prompts: Tensor | None) -> Tensor:
        """The encoder reads each turn of a pack with the pack's text, once for all answers to it.

        Answers that differ in their last token alone have one row of the decoder.
        """
        turns: dict[tuple[int, tuple[int, ...]], int] = {}
        answers: dict[tuple[int, tuple[int, ...]], int] = {}
        read: list[Tensor] = []
        deltas: list[LoraDeltas | None] = []
        where: list[tuple[int, int]] = []
        for number, pack in enumerate(packs):
            for exchange in pack.exchanges:
                turn = number, tuple(exchange.turn)
                if turn not in turns:
                    turns[turn] = len(read)
                    deltas.append(None if pack.context is None else pack.context.deltas)
                    prompt = None if prompts is None else prompts[number]
                    read.append(self.encoder_input(pack.context, prompt, [*pack.text, *exchange.turn]))
                answer = turns[turn], tuple(exchange.answer[:-1])
                row = answers.setdefault(answer, len(answers))
                where += [(row, place) for place in range(len(exchange.answer))]
        states, mask = self.encoder_states(read, RowDeltas(deltas))
        heard = torch.tensor([turn for turn, _ in answers], device=self.device)
        # Rows are padded behind their end, where the decoder's earlier positions cannot see.
        said = [torch.tensor([self.start, *tokens], device=self.device) for _, tokens in answers]
        hidden = self.decoder_states(
            pad_sequence(said, batch_first=True),
            states[heard],
            mask[heard],
            RowDeltas([deltas[turn] for turn, _ in answers]),
        )
        rows_at, places = torch.tensor(where, device=self.device).T
        return hidden[rows_at, places]

    def continuation_states(
        self, rows: Sequence[Sequence[int]], prompts: Tensor | None, contexts: Sequence[Context | None]
    ) -> Tensor:
        """Prefix language modelling: the decoder goes on where the encoder's part ends."""
        packs = []
        for row, context in zip(rows, contexts, strict=True):
            given = self.conditioned_tokens(len(row), 0)
            packs.append(Pack([Exchange(row[:given], row[given:])], context=context))
        return self.answer_states(packs, prompts)

    def conditioned_tokens(self, length: int, virtual_tokens: int) -> int:
        """The first half: T5 splits at random (1910.10683, section 3.2.3), a half is what that is on average.

        A row's epochs begin at other places, so every token is on both sides in time.
        """
        return length // 2

    def positions(self, pack: Pack, virtual_tokens: int) -> int:
        """Each exchange is read with all that is before it."""
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
        """The token before an answer."""
        config: Any = self.model.config
        generation: Any = self.model.generation_config
        found = [each.decoder_start_token_id for each in (generation, config) if each is not None]
        return int(next(token for token in [*found, config.pad_token_id] if token is not None))

    @cached_property
    def end(self) -> int:
        """The token behind a text."""
        return int(self.tokenizer.eos_token_id)

    def encoder_input(self, context: Context | None, prompt: Tensor | None, tokens: Sequence[int]) -> Tensor:
        """The encoder's input embeddings [length, hidden]."""
        [known] = of_kind(Embeddings, [context])
        text = self.embed(torch.tensor([*tokens, self.end]))
        front = [part.embeddings for part in known.chain()] if known else []
        if prompt is not None:
            front.append(prompt)
        return torch.cat([*(part.to(text) for part in front), text])

    def encoder_states(self, rows: Sequence[Tensor], deltas: RowDeltas) -> tuple[Tensor, Tensor]:
        """The encoder's states [rows, longest, hidden] of input embeddings; their mask [rows, longest]."""
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
        own: Tensor | None = None,
        cache: EncoderDecoderCache | None = None,
    ) -> Tensor:
        """The decoder's states [rows, length, hidden], scaled for the head, of tokens [rows, length].

        `states` and `mask` are the encoder's; `own` is the mask [rows, cached + length] of the decoder's own
        positions, `cache` is read and extended in place.
        """
        with deltas.applied():
            output = self.model.get_decoder()(
                input_ids=tokens,
                attention_mask=own,
                encoder_hidden_states=states,
                encoder_attention_mask=mask,
                past_key_values=cache,
                use_cache=cache is not None,
            )
        hidden: Tensor = output.last_hidden_state
        return hidden * self.scale


class Seq2SeqDecoding:
    """A batch of answers to what the encoder has read."""

    def __init__(self, llm: Seq2SeqLLM, rows: Sequence[Row]) -> None:
        self._llm = llm
        read = [llm.encoder_input(row.context, row.prompt, row.tokens) for row in rows]
        self._deltas = row_deltas([row.context for row in rows])
        self._states, self._mask = llm.encoder_states(read, self._deltas)
        config = llm.model.get_decoder().config
        self._cache = EncoderDecoderCache(DynamicCache(config=config), DynamicCache(config=config))
        begun = [[llm.start, *row.beginning] for row in rows]
        longest = max(map(len, begun))
        # Padded in front: relative positions are those of each row alone.
        padded = [[0] * (longest - len(row)) + row for row in begun]
        self._begun = torch.tensor(padded, device=llm.device)
        real = [[0] * (longest - len(row)) + [1] * len(row) for row in begun]
        self._own = torch.tensor(real, device=llm.device)

    def step(self, tokens: Tensor | None) -> Tensor:
        """Hidden states [rows, hidden] behind these tokens [rows], at first behind the start."""
        if tokens is None:
            said = self._begun
        else:
            said = tokens[:, None].to(self._begun)
            self._own = torch.cat([self._own, self._own.new_ones(len(tokens), 1)], dim=1)
        states = self._llm.decoder_states(
            said, self._states, self._mask, self._deltas, self._own, self._cache
        )
        return states[:, -1]

    def select(self, rows: Tensor) -> None:
        """Keep only these rows."""
        self._cache.batch_select_indices(rows)
        self._states, self._mask, self._own = self._states[rows], self._mask[rows], self._own[rows]
        self._deltas = self._deltas.select(rows)
