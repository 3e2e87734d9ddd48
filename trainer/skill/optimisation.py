"""AdamW on a few tensors before a frozen LLM: steps, held-out losses, and a state to resume from."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.checkpoint import moments, set_moments
from trainer.skill.recipe import OptimisationRecipe


@dataclass(frozen=True)
class SkillLoss:
    """Mean losses on held-out examples, nats per token: of answers, and of silence where that is right.

    None stands for no such example.
    """

    step: int
    answer_loss: float | None
    silence_loss: float | None


@dataclass(frozen=True)
class SkillState:
    """Tensors in training and their optimiser's `moments`, after `step` steps."""

    tensors: Sequence[Tensor]
    optimiser: Mapping[str, Tensor]
    step: int


@dataclass(frozen=True)
class SkillStep:
    """One optimiser step, and the state to resume from after it."""

    step: int
    steps: int
    loss: float
    tokens_per_second: float
    eta_seconds: float
    state: SkillState


def optimise(
    tensors: Sequence[Tensor],
    gradient: Callable[[int], tuple[float, int]],
    evaluate: Callable[[int], SkillLoss] | None,
    recipe: OptimisationRecipe,
    state: SkillState | None,
) -> Iterator[SkillLoss | SkillStep]:
    """Optimise `tensors`, leaves that require a gradient, in place; yields each step and each evaluation.

    `gradient(step)` adds a step's clipped gradient and returns its loss and the number of tokens computed.
    `evaluate(step)` is called before the first step, every `recipe.evaluate_every` steps, and after the last.
    """
    optimiser = torch.optim.AdamW(tensors, weight_decay=0.0, betas=(0.9, 0.98))
    if state:
        set_moments(optimiser, state.optimiser)
    first = state.step if state else 0
    if first == 0 and evaluate:
        yield evaluate(0)
    started, computed_tokens = time.monotonic(), 0
    for step in range(first, recipe.steps):
        loss, computed = gradient(step)
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(step)
        optimiser.step()
        optimiser.zero_grad()
        computed_tokens += computed
        seconds = time.monotonic() - started
        done = step + 1
        yield SkillStep(
            done,
            recipe.steps,
            loss,
            computed_tokens / seconds,
            (recipe.steps - done) * seconds / (done - first),
            SkillState(tensors, moments(optimiser), done),
        )
        if evaluate and (done % recipe.evaluate_every == 0 or done == recipe.steps):
            yield evaluate(done)
