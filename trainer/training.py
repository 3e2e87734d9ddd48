"""Joint training: all members of a version learn in one batch, each row behind its own member's prompt."""

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from trainer.frozen import FrozenLLM
from trainer.objective import Objective
from trainer.progress import DivergedError, Evaluated, Learned, Pause, Progress, Stepped
from trainer.prompts import clip, freeze, initial
from trainer.recipe import Recipe
from trainer.schedule import Schedule


def train(
    llm: FrozenLLM,
    objective: Objective,
    recipe: Recipe,
    *,
    start: Tensor | None = None,
    frozen: Tensor | None = None,
    rivals: int = 0,
) -> Iterator[Progress]:
    """Learn `recipe.members` soft prompts; yields progress as it happens, and `Learned` last.

    Members begin at `start` [members, virtual tokens, hidden], else where the recipe says, and behind
    `frozen` [members, any number, hidden], which stays as it is (progressive prompts, 2301.12314). The LLM's
    weights get no gradient. Of a limit in seconds, what it takes to evaluate so many `rivals` besides is left
    over. Raises ValueError when `start` or `frozen` is not of the recipe's shape, and DivergedError when a
    loss is no longer finite.
    """
    started = time.monotonic()
    if start is None:
        start = initial(llm, objective.text, recipe)
    prompts = _beginning(recipe, start.to(llm.device, torch.float32, copy=True), frozen).requires_grad_()
    kept = prompts.shape[1] - recipe.virtual_tokens
    bare = objective.bare()
    yield Pause()
    evaluation_started = time.monotonic()
    before = Evaluated("before", bare, (yield from objective.losses(prompts)))
    yield before

    evaluation = (time.monotonic() - evaluation_started) * (1 + rivals / recipe.members)
    steps = recipe.steps(objective.tokens, objective.row_tokens)
    schedule = Schedule(recipe, steps, started, reserved=evaluation)
    # AdamW works on each element alone, so one optimiser over all members is an optimiser for each, and
    # without weight decay it leaves what has no gradient as it is, to the bit.
    optimiser = torch.optim.AdamW([prompts], weight_decay=0.0)
    curve: list[list[float]] = []
    learned_tokens, learning = 0, 0.0
    while not schedule.over(len(curve)):
        step_started = time.monotonic()
        prompts.grad = None
        losses, computed = yield from objective.gradient(prompts)
        if not all(map(math.isfinite, losses)):
            raise DivergedError(f"the loss is {max(losses)} at step {len(curve) + 1}: lower learning_rate")
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * schedule.rate(len(curve))
        freeze(prompts, kept)
        clip(prompts, recipe.max_grad_norm)
        optimiser.step()
        curve.append(losses)
        learning += time.monotonic() - step_started
        learned_tokens += computed
        remaining = schedule.remaining(len(curve), learning / len(curve))
        yield Stepped(
            step=len(curve),
            steps=len(curve) + remaining,
            member_losses=losses,
            tokens_per_second=learned_tokens / learning,
            eta_seconds=remaining * learning / len(curve) + evaluation,
        )

    after = Evaluated("after", bare, (yield from objective.losses(prompts)))
    yield after
    yield Learned(
        prompts=prompts.detach().cpu(),
        before=before,
        after=after,
        curve=curve,
        text_tokens=objective.tokens,
        seconds=time.monotonic() - started,
        tokens_per_second=learned_tokens / learning,
    )


def _beginning(recipe: Recipe, start: Tensor, frozen: Tensor | None) -> Tensor:
    """The prompts as they are before the first step: `start` behind `frozen`, both checked."""
    if start.shape[:2] != (recipe.members, recipe.virtual_tokens):
        expected = [recipe.members, recipe.virtual_tokens, start.shape[2]]
        raise ValueError(f"expected prompts {expected} to start from, got {list(start.shape)}")
    if frozen is None:
        return start
    if len(frozen) != recipe.members:
        raise ValueError(f"expected {recipe.members} members to append to, got {len(frozen)}")
    return torch.cat([frozen.to(start), start], dim=1)
