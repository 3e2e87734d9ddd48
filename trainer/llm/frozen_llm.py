"""The frozen LLM: tokens, embeddings and hidden states of one model whose weights never change."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from trainer.llm import checkpointing, lora_deltas
from trainer.llm.adaptation import Adaptation
from trainer.llm.batch_types import Decoding, Pack, Row
from trainer.llm.context import Context
from trainer.llm.control_tokens import splitting_control_tokens, without_control_tokens
from trainer.llm.token_counts import TokenCounting

# Marks the place of the user's words in a rendered chat template; nobody types the invisible characters.
_CONTENT = "\u2063content\u2063"


@dataclass(frozen=True)
class Identity:
    """Which LLM this is. Members trained on one LLM mean nothing to another."""

    id: str
    revision: str
    hidden_size: int
    quantization: str
    dtype: str


class FrozenLLM(ABC):
    """An LLM in evaluation mode, none of whose weights requires a gradient.

    `CausalLLM` and `Seq2SeqLLM` are the two kinds. The functions `prefill`, `decode`, `pack_losses` and
    `row_losses` work on either.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, identity: Identity
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.identity = identity
        self._tokenizing = Lock()
        self._templates: dict[str | None, tuple[list[int], list[int]]] = {}
        self._plain_tokenizer = without_control_tokens(tokenizer)
        # The modules that LoRA deltas apply to, with their sizes (out, in).
        self.lora_targets = lora_deltas.attach(self.model)
        # What all rows are computed with, such as a skill that is a LoRA.
        self.adaptation = Adaptation(self.model)
        # Whether blocks are computed a second time for their gradient instead of keeping their inner values.
        self.checkpointing = False
        # Whether answers are decoded in tensors of fixed shapes, which on CUDA are captured in a graph.
        self.static_decoding = False
        checkpointing.attach(self.model, lambda: self.checkpointing, lambda: self.adaptation.draws)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return torch.device(self.model.device)

    @cached_property
    @abstractmethod
    def context_tokens(self) -> int:
        """Positions the model was made for, virtual tokens included."""

    @cached_property
    def stop_tokens(self) -> frozenset[int]:
        """Ids that end an answer: all control tokens, since another turn or text begins after each."""
        config = self.model.generation_config
        ids = config.eos_token_id if config is not None else None
        listed = [ids] if isinstance(ids, int) else list(ids or [])
        return frozenset([*listed, *self.tokenizer.all_special_ids])

    @property
    def parameters(self) -> int:
        """How many numbers the weights are, those of quantized layers included."""
        linear = sum(out * into for out, into in self.adaptation.targets.values())
        return linear + int(self.vocabulary.numel())

    @property
    def can_judge(self) -> bool:
        """Whether rows can be judged after their answers, see `Row`."""
        return False

    @property
    def footprint_bytes(self) -> int:
        """Bytes of the weights and buffers."""
        return int(self.model.get_memory_footprint())

    # Text and tokens

    def encode(self, text: str) -> list[int]:
        """Token ids of plain text. What looks like a control token becomes the tokens of its characters."""
        return self._tokens(text, control=False)

    def count_tokens(self, text: str) -> int:
        """How many tokens `encode` gives."""
        return len(self.encode(text))

    def token_counter(self) -> Callable[[str], int]:
        """What gives the same as `count_tokens`, much faster over the slices of one book, on one thread."""
        return self.count_tokens if self._counting is None else self._counting.counter()

    @cached_property
    def _counting(self) -> TokenCounting | None:
        """Counts as `encode` does; None where there is only a tokenizer of transformers' own."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if self._plain_tokenizer is not None:
            return TokenCounting(self._plain_tokenizer)
        return None if backend is None else TokenCounting(splitting_control_tokens(backend))

    def text(self, tokens: list[int]) -> str:
        """The text of token ids, without control tokens."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))

    def instruct(self, instruction: str, content: str) -> list[int]:
        """Token ids of a chat turn, up to where the answer begins.

        Control tokens come from the chat template alone: `content` is encoded as plain text. A model without
        a chat template reads the instruction and the content as plain paragraphs.
        """
        before, after = self.template(instruction)
        return [*before, *self.encode(content), *after]

    def template(self, instruction: str | None) -> tuple[list[int], list[int]]:
        """The token ids before and after the content of a turn of `instruct`; None is no instruction."""
        if instruction not in self._templates:
            self._templates[instruction] = self._template(instruction)
        before, after = self._templates[instruction]
        return list(before), list(after)

    def _template(self, instruction: str | None) -> tuple[list[int], list[int]]:
        if self.tokenizer.chat_template is None:
            return self.encode(f"{instruction}\n\n" if instruction else ""), self.encode("\nAnswer:")
        turns = [{"role": "user", "content": _CONTENT}]
        if instruction is not None:
            turns = [{"role": "system", "content": instruction}, *turns]
        rendered = str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        before, _, after = rendered.partition(_CONTENT)
        return self._tokens(before, control=True), self._tokens(after, control=True)

    def _tokens(self, text: str, *, control: bool) -> list[int]:
        """Token ids of a text, with its control tokens or, without `control`, with those spelled out."""
        if self._plain_tokenizer is not None and not control:
            return list(self._plain_tokenizer.encode(text, add_special_tokens=False).ids)
        # A tokenizer stores `split_special_tokens`: another thread must not change it in between.
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
        """The input embeddings' weight [vocabulary, hidden]."""
        weight: Tensor = self.model.get_input_embeddings().weight
        return weight

    @property
    def head(self) -> Tensor:
        """The output head's weight [vocabulary, hidden]; it is never quantized."""
        weight: Tensor = self.model.get_output_embeddings().weight
        return weight

    # What each kind of LLM does differently

    @abstractmethod
    def empty_context(self) -> Context:
        """A context without positions."""

    @abstractmethod
    def prefill(self, rows: Sequence[Tensor], after: Sequence[Context | None]) -> list[Context]:
        """The contexts of rows of embeddings [length, hidden], each read after a context, in one batch."""

    @abstractmethod
    def start_decoding(self, rows: Sequence[Row], most: int) -> Decoding:
        """A batch of answers of at most `most` tokens, of which none is decoded yet."""

    @abstractmethod
    def answer_states(self, packs: Sequence[Pack], prompts: Tensor | None) -> Tensor:
        """Hidden states [answer tokens, hidden] that predict the tokens of all answers, in order.

        `prompts` are [packs, virtual tokens, hidden]. Gradients reach the prompts and the contexts.
        """

    @abstractmethod
    def continuation_states(
        self, rows: Sequence[Sequence[int]], prompts: Tensor | None, contexts: Sequence[Context | None]
    ) -> Tensor:
        """Hidden states [tokens, hidden] that predict the tokens of all rows but the `conditioned_tokens`.

        `prompts` are [rows, virtual tokens, hidden], each after its context. Gradients reach both.
        """

    @abstractmethod
    def conditioned_tokens(self, length: int, virtual_tokens: int) -> int:
        """How many tokens of a row of this length are read without being predicted."""

    @abstractmethod
    def positions(self, pack: Pack, virtual_tokens: int) -> int:
        """How many positions are computed for a pack with so many virtual tokens."""

    @abstractmethod
    def logits(self, tokens: Sequence[int]) -> Tensor:
        """The model's own logits [vocabulary] after a text, to compare states times `head` with."""
