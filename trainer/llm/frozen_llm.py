"""The frozen LLM: tokens, embeddings and hidden states of one model whose weights never change."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from trainer.llm import checkpointing, lora_deltas
from trainer.llm.batch_types import Decoding, Pack, Row
from trainer.llm.context import Context
from trainer.llm.control_tokens import plain_tokenizer

# Stands in a rendered chat template where the user's words belong; no text can contain it as typed.
_CONTENT = "\u2063content\u2063"


@dataclass(frozen=True)
class Identity:
    """Which LLM this is. Soft prompts learned on one identity mean nothing on another."""

    id: str
    revision: str
    hidden_size: int
    quantization: str
    dtype: str


class FrozenLLM(ABC):
    """An LLM in evaluation mode, none of whose weights requires a gradient.

    `causal` and `seq2seq` beside it are the two kinds. What is asked of them goes through `read`,
    `decode`, `pack_losses` and `row_losses`, which hold what both have in common.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, identity: Identity
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.identity = identity
        self._tokenizing = Lock()
        self._plain = plain_tokenizer(tokenizer)
        # The modules that rows can change, with their sizes (out, in).
        self.lora_targets = lora_deltas.attach(self.model)
        # Whether what blocks compute on the way to a gradient is computed again instead of kept.
        self.checkpointing = False
        checkpointing.attach(self.model, lambda: self.checkpointing)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return torch.device(self.model.device)

    @cached_property
    @abstractmethod
    def context_tokens(self) -> int:
        """How many positions the model was made for, virtual tokens included."""

    @cached_property
    def stop_tokens(self) -> frozenset[int]:
        """Ids that end an answer: every control token, for behind it begins another turn or text."""
        config = self.model.generation_config
        ids = config.eos_token_id if config is not None else None
        listed = [ids] if isinstance(ids, int) else list(ids or [])
        return frozenset([*listed, *self.tokenizer.all_special_ids])

    @property
    def footprint_bytes(self) -> int:
        """Bytes that weights and buffers take."""
        return int(self.model.get_memory_footprint())

    # Text and tokens

    def encode(self, text: str) -> list[int]:
        """Token ids of plain text. What looks like a control token in it is spelled out, never obeyed."""
        return self._tokens(text, control=False)

    def count_tokens(self, text: str) -> int:
        """Number of tokens `encode` gives."""
        return len(self.encode(text))

    def text(self, tokens: list[int]) -> str:
        """The text of token ids, control tokens left out."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))

    def instruct(self, instruction: str, content: str) -> list[int]:
        """Token ids of a chat turn that asks for an answer, up to where the answer begins.

        The chat template's control tokens come from the template alone: `content` is encoded as plain text.
        A model without a template gets the instruction and the content as plain paragraphs.
        """
        before, after = self.template(instruction)
        return [*before, *self.encode(content), *after]

    def template(self, instruction: str) -> tuple[list[int], list[int]]:
        """What stands before and after the content of a turn of `instruct`."""
        if self.tokenizer.chat_template is None:
            return self.encode(f"{instruction}\n\n"), self.encode("\nAnswer:")
        turns = [{"role": "system", "content": instruction}, {"role": "user", "content": _CONTENT}]
        rendered = str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        before, _, after = rendered.partition(_CONTENT)
        return self._tokens(before, control=True), self._tokens(after, control=True)

    def _tokens(self, text: str, *, control: bool) -> list[int]:
        """Token ids of a text, in which control tokens are obeyed or spelled out."""
        if self._plain is not None and not control:
            return list(self._plain.encode(text, add_special_tokens=False).ids)
        # A tokenizer keeps the choice in a state of its own: what another thread chose must not count here.
        with self._tokenizing:
            found = self.tokenizer(text, add_special_tokens=False, split_special_tokens=not control)
        return list(found["input_ids"])

    # Tensors

    def embed(self, tokens: Tensor) -> Tensor:
        """Input embeddings: ids [...] -> [..., hidden] in the model's dtype."""
        embeddings: Tensor = self.model.get_input_embeddings()(tokens.to(self.device))
        return embeddings

    @property
    def vocabulary(self) -> Tensor:
        """The input embeddings' weight [vocabulary, hidden], of which soft prompts are the continuation."""
        weight: Tensor = self.model.get_input_embeddings().weight
        return weight

    @property
    def head(self) -> Tensor:
        """The output head's weight [vocabulary, hidden]; no quantization touches it."""
        weight: Tensor = self.model.get_output_embeddings().weight
        return weight

    # What each kind of LLM does in its own way

    @abstractmethod
    def empty_context(self) -> Context:
        """The context of nothing read."""

    @abstractmethod
    def prefill(self, rows: Sequence[Tensor], after: Sequence[Context | None]) -> list[Context]:
        """What is kept of rows of embeddings [length, hidden], each read behind its context, in one batch."""

    @abstractmethod
    def start_decoding(self, rows: Sequence[Row], most: int) -> Decoding:
        """A batch of answers of at most `most` tokens, before the first is decoded."""

    @abstractmethod
    def answer_states(self, packs: Sequence[Pack], prompts: Tensor | None) -> Tensor:
        """Hidden states [answer tokens, hidden] that predict every answer's tokens, one after the other.

        Prompts are [packs, virtual tokens, hidden]; gradients reach them, and contexts that want them.
        """

    @abstractmethod
    def continuation_states(
        self, rows: Sequence[Sequence[int]], prompts: Tensor | None, contexts: Sequence[Context | None]
    ) -> Tensor:
        """Hidden states [tokens, hidden] that predict the tokens of rows behind those `given`.

        Prompts are [rows, virtual tokens, hidden], each behind its context; gradients reach both.
        """

    @abstractmethod
    def conditioned_tokens(self, length: int, virtual_tokens: int) -> int:
        """How many of a row's tokens are read before the first that is predicted."""

    @abstractmethod
    def positions(self, pack: Pack, virtual_tokens: int) -> int:
        """How many positions are computed for a pack."""

    @abstractmethod
    def logits(self, tokens: Sequence[int]) -> Tensor:
        """The model's own logits [vocabulary] behind a text, to check against `begin` and `head`."""
