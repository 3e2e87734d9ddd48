"""The method `prompt`: soft prompts, where they start, and how one is kept as bytes."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.prefill import prefill
from trainer.methods.members import Conditioning, Members
from trainer.methods.tensors import FormatError, bytes_of, tensors_of
from trainer.recipe import Recipe

# PEFT's name for the tensor of a prompt-tuning adapter, so that its files hold what PEFT expects.
KEY = "prompt_embeddings"


@dataclass(frozen=True, eq=False)
class Prompts(Members):
    """Soft prompts (prompt tuning, 2104.08691) [members, virtual tokens, hidden], which any LLM can read."""

    method = "prompt"
    embeddings: Tensor

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The soft prompts."""
        return {KEY: self.embeddings}

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """Other soft prompts."""
        return type(self)(tensors[KEY])

    @property
    def virtual_tokens(self) -> int:
        """Positions in front of a row."""
        return int(self.embeddings.shape[1])

    @property
    def computed_tokens(self) -> int:
        """All of them: what stands in front of a row goes through the LLM with it."""
        return self.virtual_tokens

    def condition(self, llm: FrozenLLM, rows: Sequence[int], context: Context | None) -> Conditioning:
        """Behind the context, and there behind their own prompts."""
        return Conditioning([context] * len(rows), self.embeddings[list(rows)])

    def contexts(self, llm: FrozenLLM, context: Context | None) -> list[Context]:
        """What the LLM has read of each, in one batch."""
        return prefill(llm, [[]] * len(self), context, list(self.embeddings.to(llm.device)))

    def rows(self) -> Tensor:
        """The virtual tokens."""
        return self.embeddings

    def artifacts(self) -> list[bytes]:
        """PEFT's prompt-tuning weights."""
        return [to_bytes(prompt) for prompt in self.embeddings]

    def mask_frozen(self, kept: int) -> None:
        """The first `kept` virtual tokens learn nothing."""
        assert self.embeddings.grad is not None
        self.embeddings.grad[:, :kept] = 0

    def appended_to(self, frozen: Self) -> Self:
        """Behind the virtual tokens of `frozen`. ValueError: those are of another number of members."""
        if len(frozen) != len(self):
            raise ValueError(f"expected {len(self)} members to append to, got {len(frozen)}")
        return type(self)(torch.cat([frozen.embeddings.to(self.embeddings), self.embeddings], dim=1))


def initial(llm: FrozenLLM, text: Sequence[int], recipe: Recipe, starts: Tensor | None = None) -> Tensor:
    """Starting soft prompts [members, virtual tokens, hidden], float32, on the LLM's device.

    "text" gives member i the embeddings of its own stretch of the book (Lester 2021, 2104.08691, section
    3.2, starts from vocabulary: a stretch of text did better in Cartridges, 2506.06266); "learned" gives it
    one of `starts` [any number, virtual tokens, hidden], from the first again when there are fewer. Raises
    ValueError when starts are asked for that are not there.
    """
    if recipe.initialisation == "learned":
        if starts is None:
            raise ValueError("there are no learned prompts to start from")
        return starts[torch.arange(recipe.members) % len(starts)].to(llm.device, torch.float32)
    if recipe.initialisation == "blank":
        return blank(llm, recipe.members, recipe.virtual_tokens, recipe.seed)
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


def blank(llm: FrozenLLM, members: int, virtual_tokens: int, seed: int) -> Tensor:
    """Soft prompts [members, virtual tokens, hidden] of line ends, with a tenth of noise: members differ.

    In front of a passage they say nothing, where a stretch of the book is one more passage to answer from.
    To an LLM without line ends (T5's tokens are words alone) they are what stands before a full stop.
    """
    line_end = llm.embed(torch.tensor((llm.encode("\n") or llm.encode("."))[:1])).float()
    noise = [
        torch.randn(
            (virtual_tokens, llm.identity.hidden_size), generator=torch.Generator().manual_seed(seed + member)
        )
        for member in range(members)
    ]
    return line_end + 0.1 * line_end.std() * torch.stack(noise).to(line_end.device)


def virtual_tokens(data: bytes) -> Tensor:
    """What PEFT keeps of virtual tokens, whatever their method: [positions, numbers], float32 on the CPU.

    Raises FormatError for other bytes, and numbers that are not finite.
    """
    tensors = tensors_of(data)
    if KEY not in tensors:
        raise FormatError(f"there is no {KEY} in it")
    if tensors[KEY].ndim != 2:
        raise FormatError(f"expected a row for each virtual token, got {list(tensors[KEY].shape)}")
    return tensors[KEY]


def to_bytes(prompt: Tensor) -> bytes:
    """One soft prompt [virtual tokens, hidden] as safetensors bytes, float32."""
    return bytes_of({KEY: prompt})


def from_bytes(data: bytes, hidden_size: int) -> Tensor:
    """The soft prompt [virtual tokens, hidden_size] kept in `data`, float32 on the CPU.

    Raises FormatError for other bytes, another hidden size, or numbers that are not finite.
    """
    prompt = virtual_tokens(data)
    if prompt.shape[1] != hidden_size:
        raise FormatError(f"expected [virtual tokens, {hidden_size}], got {list(prompt.shape)}")
    return prompt
