"""Joint training: all members of a version learn in one batch, each row with a member of its own."""

import math
import time
from collections.abc import Iterator

import torch

from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods import registry
from trainer.methods.members import Members
from trainer.objectives.objective import Objective
from trainer.progress import DivergedError, Evaluated, Learned, Pause, Progress, Stepped
from trainer.recipe import Recipe
from trainer.schedule import Schedule


def train(
    llm: FrozenLLM,
    objective: Objective,
    recipe: Recipe,
    *,
    start: Members | None = None,
    frozen: Members | None = None,
    rivals: int = 0,
) -> Iterator[Progress]:
    """Learn `recipe.members` members; yields progress as it happens, and `Learned` last.

    They begin at `start`, else where the recipe says, and behind `frozen`, which stays as it is (progressive
    prompts, 2301.12314). The LLM's weights get no gradient. Of a limit in seconds, what it takes to evaluate
    so many `rivals` besides is left over. Raises ValueError when `start` or `frozen` is not of the recipe's
    method and shape, and DivergedError when a loss is no longer finite.
    """
    started = time.monotonic()
    if start is None:
        start = registry.start(llm, objective.text, recipe, objective.context)
    members = _beginning(recipe, start, frozen).learning(llm.device)
    tensors = list(members.tensors.values())
    kept = 0 if frozen is None else frozen.virtual_tokens
    bare = objective.bare()
    yield Pause()
    evaluation_started = time.monotonic()
    before = Evaluated("before", bare, (yield from objective.losses(members)))
    yield before

    evaluation = (time.monotonic() - evaluation_started) * (1 + rivals / recipe.members)
    steps = recipe.steps(objective.tokens, objective.row_tokens)
    schedule = Schedule(recipe, steps, started, reserved=evaluation)
    # AdamW works on each element alone, so one optimiser over all members is an optimiser for each, and
    # without weight decay it leaves what has no gradient as it is, to the bit.
    optimiser = torch.optim.AdamW(tensors, weight_decay=0.0)
    curve: list[list[float]] = []
    learned_tokens, learning = 0, 0.0
    while not schedule.over(len(curve)):
        step_started = time.monotonic()
        optimiser.zero_grad()
        losses, computed = yield from objective.gradient(members)
        if not all(map(math.isfinite, losses)):
            raise DivergedError(f"the loss is {max(losses)} at step {len(curve) + 1}: lower learning_rate")
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * schedule.rate(len(curve))
        members.mask_frozen(kept)
        members.clip(recipe.max_grad_norm)
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

    after = Evaluated("after", bare, (yield from objective.losses(members)))
    yield after
    yield Learned(
        members=members.detached("cpu"),
        before=before,
        after=after,
        curve=curve,
        text_tokens=objective.tokens,
        seconds=time.monotonic() - started,
        tokens_per_second=learned_tokens / learning,
    )


def _beginning(recipe: Recipe, start: Members, frozen: Members | None) -> Members:
    """The members as they are before the first step: `start` behind `frozen`, both checked."""
    fitting = start.method == recipe.method and len(start) == recipe.members
    if not fitting or start.virtual_tokens not in (0, recipe.virtual_tokens):
        raise ValueError(
            f"expected {recipe.members} members of {recipe.virtual_tokens} virtual tokens, method "
            f"{recipe.method}, to start from; got {len(start)} of {start.virtual_tokens}, {start.method}"
        )
    return start if frozen is None else start.appended_to(frozen)
