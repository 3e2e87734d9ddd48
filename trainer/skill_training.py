"""Learns a skill prompt: the KV prefix behind which a frozen LLM answers from a passage, or says nothing."""

import itertools
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from trainer import turns
from trainer.context import Context, read
from trainer.frozen import FrozenLLM
from trainer.lessons import Lesson, batches, pack
from trainer.packing import Pack, pack_losses
from trainer.skill import Skill


class SkillRecipe(BaseModel):
    """The settings of one skill prompt's training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(420, ge=1, description="optimiser steps")
    rows: int = Field(4, ge=1, description="passages read in one step")
    exchanges: int = Field(4, ge=1, description="most answered, and most unanswered, questions of a passage")
    asking: float = Field(0.3, ge=0, description="weight of learning what to ask about a passage")
    beside: float = Field(0.5, ge=0, le=1, description="share of passages behind another piece of the book")
    learning_rate: float = Field(0.01, gt=0, le=1, description="AdamW's peak learning rate")
    warmup: int = Field(20, ge=0, description="steps over which the rate rises")
    decay_from: int = Field(100, ge=0, description="step from which the rate falls, as a cosine")
    max_grad_norm: float = Field(1.0, gt=0, description="clip of the gradient's norm")
    evaluate_every: int = Field(50, ge=1, description="steps between two evaluations")
    seed: int = Field(0, ge=0, lt=2**31, description="of the order of passages and questions")

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0: linear warm-up, level, cosine to a twentieth."""
        warmth = min(1.0, (step + 1) / max(1, self.warmup))
        over = max(0.0, (step - self.decay_from) / max(1, self.steps - self.decay_from))
        return self.learning_rate * warmth * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, over))))


@dataclass(frozen=True)
class SkillLoss:
    """Mean loss on lessons kept from training, nats per token: of answers, and of silence where it is due."""

    step: int
    answered: float
    unanswered: float


@dataclass(frozen=True)
class SkillStep:
    """One optimiser step and where training can go on from after it."""

    step: int
    steps: int
    loss: float
    tokens_per_second: float
    eta_seconds: float
    state: "SkillState"


@dataclass(frozen=True)
class SkillState:
    """A skill prompt half learned."""

    tensors: Sequence[Tensor]  # keys and values [layers, heads, virtual tokens, head size]
    optimiser: dict[str, object]
    step: int

    @property
    def skill(self) -> Skill:
        """What was learned so far."""
        keys, values = (tensor.detach().clone().cpu() for tensor in self.tensors)
        return Skill(keys, values)


def learn(
    llm: FrozenLLM,
    lessons: Sequence[Lesson],
    heldout: Sequence[Lesson],
    recipe: SkillRecipe,
    state: SkillState | None = None,
    start: Skill | None = None,
) -> Iterator[SkillLoss | SkillStep]:
    """Learn on `lessons`, from where `state` is, from `start`, or from a hand-written instruction's KV.

    Raises ValueError when no lesson answers a question.
    """
    useful = [lesson for lesson in lessons if lesson.answered]
    if not useful:
        raise ValueError("there is no passage with a question to learn from")
    first_words = start or read(llm, [turns.opening(llm)])[0]
    tensors = state.tensors if state else (first_words.keys, first_words.values)
    keys, values = (tensor.to(llm.head.device, torch.float32, copy=True) for tensor in tensors)
    learned = [keys.requires_grad_(), values.requires_grad_()]
    optimiser = torch.optim.AdamW(learned, weight_decay=0.0, betas=(0.9, 0.98))
    if state:
        optimiser.load_state_dict(state.optimiser)
    choose = random.Random(recipe.seed)
    evaluated = [pack(llm, lesson, choose, asking=0) for lesson in heldout if lesson.answered]
    first = state.step if state else 0
    if first == 0 and evaluated:
        yield evaluate(llm, Skill(keys, values), evaluated, 0)
    started, tokens = time.monotonic(), 0
    for step, chosen in enumerate(itertools.islice(_batches(useful, recipe), first, recipe.steps), first):
        choose = random.Random(recipe.seed * 100_003 + step)
        packs = [
            pack(
                llm,
                lesson,
                choose,
                exchanges=recipe.exchanges,
                asking=recipe.asking,
                beside=recipe.beside,
            )
            for lesson in chosen
        ]
        loss = _gradient(llm, keys, values, packs)
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(step)
        torch.nn.utils.clip_grad_norm_(learned, recipe.max_grad_norm)
        optimiser.step()
        optimiser.zero_grad()
        tokens += sum(part.length for part in packs)
        seconds = time.monotonic() - started
        done = step + 1
        yield SkillStep(
            done,
            recipe.steps,
            loss,
            tokens / seconds,
            (recipe.steps - done) * seconds / (done - first),
            SkillState(learned, optimiser.state_dict(), done),
        )
        if evaluated and (done % recipe.evaluate_every == 0 or done == recipe.steps):
            yield evaluate(llm, Skill(keys, values), evaluated, done)


def _batches(lessons: Sequence[Lesson], recipe: SkillRecipe) -> Iterator[list[Lesson]]:
    """The lessons of each step, epoch by epoch, without end."""
    for epoch in itertools.count():
        yield from batches(lessons, recipe.rows, random.Random(recipe.seed * 1_009 + epoch))


@torch.no_grad()
def evaluate(llm: FrozenLLM, skill: Skill, packs: Sequence[Pack], step: int) -> SkillLoss:
    """The skill's mean loss per token of answers, and of silence."""
    spoken: list[float] = []
    silent: list[float] = []
    context = skill.context(llm)
    for part in packs:
        exchanges = part.exchanges
        losses = pack_losses(llm, [Pack(exchanges, part.text, context)])[0]
        for exchange, found in zip(exchanges, losses, strict=True):
            (spoken if len(exchange.answer) > 1 else silent).extend(found.tolist())
    return SkillLoss(step, _mean(spoken), _mean(silent))


def _gradient(llm: FrozenLLM, keys: Tensor, values: Tensor, packs: Sequence[Pack]) -> float:
    weight = llm.head
    context = Context(keys.to(weight), values.to(weight))
    losses = pack_losses(llm, [Pack(part.exchanges, part.text, context) for part in packs])
    total, weights = torch.zeros((), device=keys.device), 0.0
    for part, found in zip(packs, losses, strict=True):
        for exchange, loss in zip(part.exchanges, found, strict=True):
            total = total + exchange.weight * loss.sum()
            weights += exchange.weight * len(loss)
    mean = total / weights
    mean.backward()
    return float(mean.detach())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
