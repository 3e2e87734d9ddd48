"""The method `prompt`: soft prompts, their initialisation, and one as bytes."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.prefill import prefill
from trainer.methods.members import Conditioning, Members
from trainer.methods.tensors import FormatError, tensors_from_bytes, tensors_to_bytes
from trainer.recipe import Recipe

# PEFT's name for the tensor of virtual tokens, of soft prompts and of prefixes.
PROMPT_EMBEDDINGS = "prompt_embeddings"


@dataclass(frozen=True, eq=False)
class Prompts(Members):
    """Soft prompts (prompt tuning, 2104.08691) [members, virtual tokens, hidden], for any kind of LLM."""

    method = "prompt"
    embeddings: Tensor

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The soft prompts."""
        return {PROMPT_EMBEDDINGS: self.embeddings}

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """Members with these soft prompts."""
        return replace(self, embeddings=tensors[PROMPT_EMBEDDINGS])

    @property
    def virtual_tokens(self) -> int:
        """Positions before a row."""
        return int(self.embeddings.shape[1])

    @property
    def computed_tokens(self) -> int:
        """All of them: in training, soft prompts go through the LLM together with each row."""
        return self.virtual_tokens

    def condition(self, llm: FrozenLLM, rows: Sequence[int], after: Sequence[Context | None]) -> Conditioning:
        """What precedes rows: for each its context in `after`, then the soft prompt of its member."""
        return Conditioning(list(after), self.embeddings[list(rows)])

    def contexts(self, llm: FrozenLLM, context: Context | None = None) -> list[Context]:
        """A context for each member: `context` and then its soft prompt, read in one batch."""
        return prefill(llm, [[]] * len(self), context, list(self.embeddings.to(llm.device)))

    def vectors(self) -> Tensor:
        """The virtual tokens."""
        return self.embeddings

    def artifacts(self) -> list[bytes]:
        """PEFT's prompt-tuning weights."""
        return [prompt_to_bytes(prompt) for prompt in self.embeddings]

    def mask_frozen(self, frozen_tokens: int) -> None:
        """Set the gradient of the first `frozen_tokens` virtual tokens to 0."""
        assert self.embeddings.grad is not None
        self.embeddings.grad[:, :frozen_tokens] = 0

    def appended_to(self, frozen: Self) -> Self:
        """The virtual tokens of `frozen`, then these. ValueError: `frozen` has another number of members."""
        if len(frozen) != len(self):
            raise ValueError(f"expected {len(self)} members to append to, got {len(frozen)}")
        return replace(
            self, embeddings=torch.cat([frozen.embeddings.to(self.embeddings), self.embeddings], dim=1)
        )


def initial_prompts(
    llm: FrozenLLM, text: Sequence[int], recipe: Recipe, starts: Tensor | None = None
) -> Tensor:
    """Soft prompts to start from [members, virtual tokens, hidden], float32, on the LLM's device.

    The recipe's initialisation decides. "text": member i gets the embeddings of a stretch of its own of
    `text`, which did better in Cartridges (2506.06266) than random tokens of the vocabulary (2104.08691,
    section 3.2). "vocabulary": such random tokens. "blank": `blank_prompts`. "learned": member i gets one of
    `starts` [any number, virtual tokens, hidden], in turn. "auto": as "text". Without a text, "vocabulary".
    Raises ValueError for "learned" without `starts`.
    """
    if recipe.initialisation == "learned":
        if starts is None:
            raise ValueError("there are no learned prompts to start from")
        return starts[torch.arange(recipe.members) % len(starts)].to(llm.device, torch.float32)
    if recipe.initialisation == "blank":
        return blank_prompts(llm, recipe.members, recipe.virtual_tokens, recipe.seed)
    members = []
    for member in range(recipe.members):
        choose = random.Random(recipe.seed + member)
        if recipe.initialisation in ("auto", "text") and text:
            share = max(1, len(text) // recipe.members)
            start = member * share + choose.randrange(share)
            tokens = [text[(start + offset) % len(text)] for offset in range(recipe.virtual_tokens)]
        else:
            vocabulary = llm.head.shape[0]
            tokens = [choose.randrange(vocabulary) for _ in range(recipe.virtual_tokens)]
        members.append(llm.embed(torch.tensor(tokens)).float())
    return torch.stack(members)


def blank_prompts(llm: FrozenLLM, members: int, virtual_tokens: int, seed: int) -> Tensor:
    """Soft prompts [members, virtual tokens, hidden] of line ends, plus a tenth of noise, so members differ.

    Before a passage they say nothing, whereas a stretch of the book would be one more passage to answer from.
    T5's vocabulary has no line end: there they are the first token of ".", which is a space.
    """
    line_end = llm.embed(torch.tensor((llm.encode("\n") or llm.encode("."))[:1])).float()
    noise = [
        torch.randn(
            (virtual_tokens, llm.identity.hidden_size), generator=torch.Generator().manual_seed(seed + member)
        )
        for member in range(members)
    ]
    return line_end + 0.1 * line_end.std() * torch.stack(noise).to(line_end.device)


def virtual_tokens_from_bytes(data: bytes) -> Tensor:
    """The virtual tokens of a soft prompt or a prefix, as PEFT stores them: [positions, numbers].

    They are float32 on the CPU. Raises FormatError for other bytes, and for numbers that are not finite.
    """
    tensors = tensors_from_bytes(data)
    if PROMPT_EMBEDDINGS not in tensors:
        raise FormatError(f"there is no {PROMPT_EMBEDDINGS} in it")
    if tensors[PROMPT_EMBEDDINGS].ndim != 2:
        raise FormatError(
            f"expected a row for each virtual token, got {list(tensors[PROMPT_EMBEDDINGS].shape)}"
        )
    return tensors[PROMPT_EMBEDDINGS]


def prompt_to_bytes(prompt: Tensor) -> bytes:
    """One soft prompt [virtual tokens, hidden] as safetensors bytes, float32."""
    return tensors_to_bytes({PROMPT_EMBEDDINGS: prompt})


def prompt_from_bytes(data: bytes, hidden_size: int) -> Tensor:
    """The soft prompt [virtual tokens, hidden_size] in `data`, float32 on the CPU.

    Raises FormatError for other bytes, another hidden size, or numbers that are not finite.
    """
    prompt = virtual_tokens_from_bytes(data)
    if prompt.shape[1] != hidden_size:
        raise FormatError(f"expected [virtual tokens, {hidden_size}], got {list(prompt.shape)}")
    return prompt
