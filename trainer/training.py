"""Joint training: all members of a version learn in one batch, each row behind its own member's prompt."""

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from trainer.frozen import FrozenLLM
from trainer.objective import Objective
from trainer.progress import DivergedError, Evaluated, Learned, Pause, Progress, Stepped
from trainer.prompts import clip, initial
from trainer.recipe import Recipe
from trainer.schedule import Schedule


def train(
    llm: FrozenLLM, objective: Objective, recipe: Recipe, *, start: Tensor | None = None
) -> Iterator[Progress]:
    """Learn `recipe.members` soft prompts; yields progress as it happens, and `Learned` last.

    Members begin at `start` [members, virtual tokens, hidden], else where the recipe says. The LLM's weights
    get no gradient. Raises ValueError when `start` is not of the recipe's shape, and DivergedError when a
    loss is no longer finite.
    """
    started = time.monotonic()
    if start is None:
        start = initial(llm, objective.text, recipe)
    elif start.shape[:2] != (recipe.members, recipe.virtual_tokens):
        expected = [recipe.members, recipe.virtual_tokens, llm.identity.hidden_size]
        raise ValueError(f"expected prompts {expected} to start from, got {list(start.shape)}")
    prompts = start.to(llm.device, torch.float32, copy=True).requires_grad_()
    bare = objective.bare()
    yield Pause()
    evaluation_started = time.monotonic()
    before = Evaluated("before", bare, (yield from objective.losses(prompts)))
    yield before

    evaluation = time.monotonic() - evaluation_started
    steps = recipe.steps(objective.tokens, objective.row_tokens)
    schedule = Schedule(recipe, steps, started, reserved=evaluation)
    # AdamW works on each element alone, so one optimiser over all members is an optimiser for each.
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
