"""How a skill is trained, and then the soft prompts that members start from."""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from trainer.llm.causal import CausalLLM
from trainer.llm.frozen_llm import FrozenLLM
from trainer.options import Method, What

# An LLM of fewer parameters is small.
_SMALL = 4_000_000_000


class OptimisationRecipe(BaseModel):
    """The settings of one optimisation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(420, ge=0, description="optimiser steps; 0 trains nothing")
    learning_rate: float = Field(0.01, gt=0, le=1, description="AdamW's peak learning rate")
    warmup: int = Field(20, ge=0, description="steps over which the rate rises")
    decay_from: int = Field(100, ge=0, description="step from which the rate falls, as a cosine")
    max_grad_norm: float = Field(1.0, gt=0, description="clip of the gradient's norm")
    evaluate_every: int = Field(50, ge=1, description="steps between two evaluations")
    exchanges: int = Field(
        4, ge=1, description="most answerable, and most unanswerable, questions of a passage"
    )
    asking: float = Field(0.3, ge=0, description="weight of learning what to ask about a passage")
    beside: float = Field(0.5, ge=0, le=1, description="share of passages after another piece of the book")
    together: float = Field(
        0.0, ge=0, le=1, description="share of passages read in one context with one or two that rank high"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="of the order of passages and questions")

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0: linear warm-up, constant, cosine decay to a twentieth."""
        warmup = min(1.0, (step + 1) / max(1, self.warmup))
        over = max(0.0, (step - self.decay_from) / max(1, self.steps - self.decay_from))
        return self.learning_rate * warmup * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, over))))


class StartsRecipe(OptimisationRecipe):
    """The settings of the soft prompts that members start from; each reads one passage per step."""

    members: int = Field(8, ge=1, le=64, description="soft prompts learned")
    virtual_tokens: int = Field(100, ge=1, le=1000, description="vectors in one soft prompt")
    steps: int = Field(100, ge=0, description="optimiser steps; 0 learns none")
    warmup: int = Field(10, ge=0, description="steps over which the rate rises")
    decay_from: int = Field(0, ge=0, description="step from which the rate falls, as a cosine")
    beside: float = Field(0.0, ge=0, le=1, description="share of passages after another piece of the book")


class SkillRecipe(OptimisationRecipe):
    """The settings of training a skill."""

    what: What = Field("read", description="to answer from a passage, or to ask about one")
    method: Method = Field("prefix", description="what the skill is")
    rank: int = Field(16, ge=1, le=256, description="rows of A, of a LoRA")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of a LoRA's inputs left out in training")
    rows: int = Field(4, ge=1, description="passages read in one step")
    judge: bool = Field(False, description="learn to say whether an answer is right, too")
    starts: StartsRecipe = Field(StartsRecipe(), description="of the soft prompts that members start from")


# What is otherwise for a method than the defaults above.
_LORA: Mapping[str, Any] = {
    "steps": 560,
    "learning_rate": 8e-4,
    "warmup": 30,
    "decay_from": 0,
    "rows": 32,
    "exchanges": 6,
    "beside": 0.0,
    "together": 0.25,
}


def skill_recipe(method: Method, given: Mapping[str, Any]) -> SkillRecipe:
    """The recipe of a method, its defaults replaced by what is given. Raises pydantic's ValidationError."""
    defaults = _LORA if method == "lora" else {}
    return SkillRecipe(**{**defaults, **given, "method": method})


def default_method(llm: FrozenLLM) -> Method:
    """What a skill of this LLM best is: of a small one, a LoRA; of a large one, what takes less memory."""
    if llm.parameters < _SMALL:
        return "lora"
    return "prefix" if isinstance(llm, CausalLLM) else "prompt"
