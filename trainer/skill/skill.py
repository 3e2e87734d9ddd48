"""The skill: how to answer from a passage, learned once for an LLM, on no book of the library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import ClassVar

import safetensors.torch
import torch
from torch import Tensor

from trainer.llm import templates
from trainer.llm.adaptation import LoraWeights
from trainer.llm.causal import CausalLLM
from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.kv_cache import KeysAndValues
from trainer.llm.prefill import prefill
from trainer.llm.seq2seq import Embeddings
from trainer.methods.lora import check_lora, initial_lora, lora_pairs, lora_rank
from trainer.methods.tensors import FormatError, tensors_from_bytes
from trainer.options import Method

_KEYS, _VALUES, _PROMPT, _STARTS = "keys", "values", "prompt_embeddings", "starts"


class SkillMismatchError(ValueError):
    """The LLM cannot read this kind of skill; the message says which kind it can."""


@dataclass(frozen=True, eq=False)
class Skill(ABC):
    """What an LLM has learned once: it precedes everything else that is read, or changes how all is read.

    An LLM is equipped with it before anything is computed with its context. `starts` [members, virtual
    tokens, hidden] are soft prompts for members to start from, learned after it, on the same data.
    """

    method: ClassVar[Method]
    starts: Tensor | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """The tensors that are learned, by their names in a file."""

    @abstractmethod
    def with_tensors(self, tensors: Sequence[Tensor]) -> Skill:
        """A skill of this kind with these tensors, without starts."""

    def equip(self, llm: FrozenLLM, *, fold: bool = True, dropout: float = 0.0) -> None:  # noqa: B027
        """Give the LLM what the context does not hold: the deltas of a LoRA, nothing for other skills.

        They are folded into weights that are not quantized, which costs nothing afterwards and cannot be
        undone; without `fold` they run beside the weights, and gradients reach them. `dropout` is theirs.
        Raises SkillMismatchError when the LLM has no such layers.
        """

    def deltas(self, llm: FrozenLLM) -> LoraWeights:
        """What it changes of the LLM's layers. SkillMismatchError: the LLM has no such layers."""
        return {}

    def in_turn(self, llm: FrozenLLM) -> AbstractContextManager[None]:
        """Within it the LLM reads as if equipped with this skill alone, whatever it is equipped with now.

        It may be entered again and again.
        """
        return llm.adaptation.instead(self.deltas(llm))

    def is_in_force(self, llm: FrozenLLM) -> bool:
        """Whether the LLM is equipped with this skill and no other: its context is of use then alone."""
        try:
            return llm.adaptation.holds(self.deltas(llm) or None)
        except SkillMismatchError:
            return False

    @abstractmethod
    def context(self, llm: FrozenLLM) -> Context:
        """The first thing that the equipped `llm` reads; gradients reach the tensors of the skill.

        Raises SkillMismatchError when the LLM cannot read it.
        """

    def to_bytes(self, notes: dict[str, str] | None = None) -> bytes:
        """Safetensors bytes, bfloat16, with `notes` as metadata: several come in a random order."""
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


@dataclass(frozen=True, eq=False)
class LoraSkill(Skill):
    """A LoRA (2106.09685) of all linear layers, by PEFT's names: A [rank, in] and B [out, rank]."""

    method = "lora"
    weights: Mapping[str, Tensor]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """A and B of each layer."""
        return dict(self.weights)

    def with_tensors(self, tensors: Sequence[Tensor]) -> LoraSkill:
        """The same layers with other A and B."""
        return LoraSkill(dict(zip(self.weights, tensors, strict=True)))

    @property
    def rank(self) -> int:
        """Rows of A."""
        return lora_rank(self.weights)

    def equip(self, llm: FrozenLLM, *, fold: bool = True, dropout: float = 0.0) -> None:
        """Fold the deltas into the weights, or run them beside quantized weights and without `fold`."""
        deltas = self.deltas(llm)
        if fold and llm.identity.quantization == "none":
            llm.adaptation.fold(deltas)
        else:
            llm.adaptation.beside(deltas, dropout)

    def deltas(self, llm: FrozenLLM) -> LoraWeights:
        """A and B of each layer, on the LLM's device."""
        targets, pairs = llm.adaptation.targets, lora_pairs(self.weights)
        for module, (down, up) in pairs.items():
            if module not in targets:
                raise SkillMismatchError(f"{llm.identity.id!r} has no layer {module}")
            out, into = targets[module]
            if (*down.shape, *up.shape) != (self.rank, into, out, self.rank):
                raise SkillMismatchError(
                    f"{list(down.shape)} and {list(up.shape)} do not fit {module} of {llm.identity.id!r}"
                )
        return {module: (down.to(llm.device), up.to(llm.device)) for module, (down, up) in pairs.items()}

    def context(self, llm: FrozenLLM) -> Context:
        """The beginning of a user's turn, without an instruction."""
        tokens = templates.turn_start(llm)
        if not tokens:
            return llm.empty_context()
        return llm.prefill([llm.embed(torch.tensor(tokens))], [None])[0]


def initial_skill(llm: FrozenLLM) -> Skill:
    """The skill of an LLM that has learned none: the context of a hand-written instruction."""
    [context] = prefill(llm, [templates.opening(llm)])
    if isinstance(context, KeysAndValues):
        return PrefixSkill(context.keys, context.values)
    assert isinstance(context, Embeddings)
    return PromptSkill(context.embeddings)


def skill_to_train(llm: FrozenLLM, method: Method, rank: int, seed: int) -> Skill:
    """A skill of a method before its first step.

    A prefix and a prompt are a hand-written instruction, a LoRA changes nothing. Raises SkillMismatchError
    for a method that the LLM cannot learn.
    """
    if method == "lora":
        return LoraSkill(initial_lora(llm.adaptation.targets, rank, seed))
    if method == "prompt":
        return PromptSkill(llm.embed(torch.tensor(templates.opening(llm))).detach())
    skill = initial_skill(llm)
    if skill.method != method:
        raise SkillMismatchError(f"{llm.identity.id!r} is an encoder-decoder: it learns a prompt or a lora")
    return skill


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
        # A file has no order, but a training that is resumed counts on one.
        weights = {name: tensors[name] for name in sorted(tensors) if name != _STARTS}
        check_lora(weights)
        return LoraSkill(weights, starts=starts)
    keys, values = tensors[_KEYS], tensors[_VALUES]
    if keys.ndim != 4 or keys.shape != values.shape:
        raise FormatError(f"keys {list(keys.shape)} and values {list(values.shape)} make no prefix")
    return PrefixSkill(keys, values, starts=starts)
