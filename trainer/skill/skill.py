"""The skill: how to answer from a passage, learned once for an LLM, on no book of the library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import safetensors.torch
import torch
from torch import Tensor

from trainer.llm import templates
from trainer.llm.causal import CausalLLM
from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.kv_cache import KeysAndValues
from trainer.llm.prefill import prefill
from trainer.llm.seq2seq import Embeddings
from trainer.methods.tensors import FormatError, tensors_from_bytes

_KEYS, _VALUES, _PROMPT, _STARTS = "keys", "values", "prompt_embeddings", "starts"


class SkillMismatchError(ValueError):
    """The LLM cannot read this kind of skill; the message says which kind it can."""


@dataclass(frozen=True, eq=False)
class Skill(ABC):
    """What precedes everything else that an LLM reads.

    `starts` [members, virtual tokens, hidden] are soft prompts for members to start from, learned after the
    skill, on the same data.
    """

    method: ClassVar[Literal["prompt", "prefix"]]
    starts: Tensor | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """The tensors that are learned, by their names in a file."""

    @abstractmethod
    def with_tensors(self, tensors: Sequence[Tensor]) -> Skill:
        """A skill of this kind with these tensors, without starts."""

    @abstractmethod
    def context(self, llm: FrozenLLM) -> Context:
        """The context of the skill, as the first thing that `llm` has read; gradients reach its tensors.

        Raises SkillMismatchError when the LLM cannot read it.
        """

    def to_bytes(self, notes: dict[str, str] | None = None) -> bytes:
        """Safetensors bytes, bfloat16, with `notes` as the file's metadata."""
        tensors = self.tensors | ({} if self.starts is None else {_STARTS: self.starts})
        kept = {
            name: tensor.detach().to("cpu", torch.bfloat16).contiguous() for name, tensor in tensors.items()
        }
        return bytes(safetensors.torch.save(kept, metadata=notes))


@dataclass(frozen=True, eq=False)
class PrefixSkill(Skill):
    """A KV prefix (prefix tuning, 2101.00190): keys and values [layers, heads, virtual tokens, head size].

    It is like a soft prompt that a causal LLM has read, but learned in every layer instead of only in the
    first. Nothing is computed for it when a row is read.
    """

    method = "prefix"
    keys: Tensor
    values: Tensor

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Keys and values."""
        return {_KEYS: self.keys, _VALUES: self.values}

    def with_tensors(self, tensors: Sequence[Tensor]) -> PrefixSkill:
        """A prefix of these keys and values."""
        return PrefixSkill(*tensors)

    def context(self, llm: FrozenLLM) -> Context:
        """The prefix as it is. SkillMismatchError: the LLM is not causal."""
        if not isinstance(llm, CausalLLM):
            raise SkillMismatchError(
                f"{llm.identity.id!r} is an encoder-decoder, which no prefix of keys and values can stand "
                "before: its skill must be a soft prompt"
            )
        weight = llm.head
        return KeysAndValues(self.keys.to(weight), self.values.to(weight))


@dataclass(frozen=True, eq=False)
class PromptSkill(Skill):
    """A soft prompt (prompt tuning, 2104.08691) [virtual tokens, hidden], for any kind of LLM."""

    method = "prompt"
    prompt: Tensor

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The soft prompt."""
        return {_PROMPT: self.prompt}

    def with_tensors(self, tensors: Sequence[Tensor]) -> PromptSkill:
        """A skill of this one soft prompt."""
        return PromptSkill(*tensors)

    def context(self, llm: FrozenLLM) -> Context:
        """The soft prompt, read by the LLM. SkillMismatchError: its size is not the LLM's hidden size."""
        if self.prompt.shape[1] != llm.identity.hidden_size:
            raise SkillMismatchError(
                f"a skill of size {self.prompt.shape[1]} does not fit {llm.identity.id!r}, "
                f"whose hidden states have {llm.identity.hidden_size}"
            )
        [context] = llm.prefill([self.prompt.to(llm.head)], [None])
        return context


def initial_skill(llm: FrozenLLM) -> Skill:
    """The skill before training: the context of a hand-written instruction."""
    [context] = prefill(llm, [templates.opening(llm)])
    if isinstance(context, KeysAndValues):
        return PrefixSkill(context.keys, context.values)
    assert isinstance(context, Embeddings)
    return PromptSkill(context.embeddings)


def skill_from_bytes(data: bytes) -> Skill:
    """The skill in `data`, float32 on the CPU.

    Raises FormatError for other bytes, and for numbers that are not finite.
    """
    tensors = tensors_from_bytes(data)
    starts = tensors.get(_STARTS)
    if starts is not None and starts.ndim != 3:
        raise FormatError(f"starts {list(starts.shape)} are no soft prompts")
    if _PROMPT in tensors:
        prompt = tensors[_PROMPT]
        if prompt.ndim != 2:
            raise FormatError(f"{list(prompt.shape)} is no soft prompt")
        return PromptSkill(prompt, starts=starts)
    if not {_KEYS, _VALUES} <= tensors.keys():
        raise FormatError("not a skill: there are neither keys and values nor a soft prompt")
    keys, values = tensors[_KEYS], tensors[_VALUES]
    if keys.ndim != 4 or keys.shape != values.shape:
        raise FormatError(f"keys {list(keys.shape)} and values {list(values.shape)} make no prefix")
    return PrefixSkill(keys, values, starts=starts)
