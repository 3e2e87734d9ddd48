"""The frozen LLM: tokens, embeddings, hidden states and logits of one model whose weights never change."""

from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import torch
from torch import Tensor
from transformers import Cache, PreTrainedModel, PreTrainedTokenizerBase

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


class FrozenLLM:
    """A causal LLM in evaluation mode, none of whose weights requires a gradient."""

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, identity: Identity
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.identity = identity
        self._tokenizing = Lock()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return torch.device(self.model.device)

    @cached_property
    def context_tokens(self) -> int:
        """How many positions the model was made for, virtual tokens included."""
        return int(getattr(self.model.config, "max_position_embeddings", 2048))

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
        # A tokenizer keeps the choice in a state of its own: what another thread chose must not count here.
        with self._tokenizing:
            found = self.tokenizer(text, add_special_tokens=False, split_special_tokens=not control)
        return list(found["input_ids"])

    # Tensors

    def embed(self, tokens: Tensor) -> Tensor:
        """Input embeddings: ids [...] -> [..., hidden] in the model's dtype."""
        embeddings: Tensor = self.model.get_input_embeddings()(tokens.to(self.device))
        return embeddings

    def hidden(
        self,
        embeddings: Tensor,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """Last hidden states of input embeddings, before the output head: [rows, length, hidden] -> the same.

        `mask` [rows, cached + length] is 1 at real positions, `positions` [rows, length] counts them,
        `cache` is read and extended in place.
        """
        output = self.model.base_model(
            inputs_embeds=embeddings,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
        )
        states: Tensor = output.last_hidden_state
        return states

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
