"""AdamW on a few tensors in front of a frozen LLM: steps, held-out losses, and a state to go on from."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.skill.recipe import Steps


@dataclass(frozen=True)
class SkillLoss:
    """Mean loss on lessons kept from training, nats per token: of answers, and of silence where it is due."""

    step: int
    answered: float
    unanswered: float


@dataclass(frozen=True)
class SkillState:
    """Tensors half learned."""

    tensors: Sequence[Tensor]
    optimiser: dict[str, object]
    step: int


@dataclass(frozen=True)
class SkillStep:
    """One optimiser step and where training can go on from after it."""

    step: int
    steps: int
    loss: float
    tokens_per_second: float
    eta_seconds: float
    state: SkillState


def optimise(
    learned: Sequence[Tensor],
    gradient: Callable[[int], tuple[float, int]],
    evaluate: Callable[[int], SkillLoss] | None,
    recipe: Steps,
    state: SkillState | None,
) -> Iterator[SkillLoss | SkillStep]:
    """Change `learned`, leaves that want a gradient, step by step.

    `gradient` leaves that of a step, already clipped, and gives its loss and the tokens computed; `evaluate`
    is called before the first step, every few, and after the last.
    """
    optimiser = torch.optim.AdamW(learned, weight_decay=0.0, betas=(0.9, 0.98))
    if state:
        optimiser.load_state_dict(state.optimiser)
    first = state.step if state else 0
    if first == 0 and evaluate:
        yield evaluate(0)
    started, tokens = time.monotonic(), 0
    for step in range(first, recipe.steps):
        loss, computed = gradient(step)
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(step)
        optimiser.step()
        optimiser.zero_grad()
        tokens += computed
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
        if evaluate and (done % recipe.evaluate_every == 0 or done == recipe.steps):
            yield evaluate(done)
