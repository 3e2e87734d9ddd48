"""Joint training: all members of a version learn in one batch, each on rows of its own."""

import math
import time
from collections.abc import Iterator
from functools import partial

import torch

from trainer.checkpoint import Checkpoint, Position, moments, named, set_moments
from trainer.llm.frozen_llm import FrozenLLM
from trainer.loss_curve import LossCurve
from trainer.methods.dispatch import initial_members
from trainer.methods.members import Members
from trainer.objectives.objective import Objective
from trainer.progress import DivergedError, Evaluated, Learned, Progress, Stepped
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
    resume: Checkpoint | None = None,
    spent: float = 0.0,
) -> Iterator[Progress]:
    """Train `recipe.members` members; yields progress as it happens, and `Learned` last.

    Members start as `start`, by default as the recipe says. With `frozen` they are appended to its virtual
    tokens, which do not change (progressive prompts, 2301.12314). The LLM's weights get no gradient. A limit
    in seconds leaves time to evaluate `rivals` more members afterwards, and `spent` seconds of it are over.

    With `resume`, the checkpoint of a step of a training with the same arguments, the steps after that one
    follow, to the same members: on a CPU bit by bit, if passes are of the same size. The seconds between do
    not count.

    Raises ValueError when `start` or `frozen` does not have the recipe's method and shape, and DivergedError
    when a loss is not finite.
    """
    started = time.monotonic()
    if start is None:
        start = initial_members(llm, objective.text, recipe, objective.context)
    members = _appended(recipe, start, frozen)
    if resume is not None:
        kept = resume.part("members")
        members = members.with_tensors({name: kept[name] for name in members.tensors})
    members = members.trainable_copy(llm.device)
    frozen_tokens = 0 if frozen is None else frozen.virtual_tokens
    if resume is None:
        bare_loss = yield from objective.bare_loss()
        evaluation_started = time.monotonic()
        before = Evaluated("before", bare_loss, (yield from objective.heldout_losses(members)))
        _check(before)
        yield before
        evaluation = (time.monotonic() - evaluation_started) * (1 + rivals / recipe.members)
        curve = LossCurve()
        computed_tokens, seconds = 0, 0.0
    else:
        facts = resume.facts
        bare_loss, evaluation = facts["bare_loss"], facts["evaluation"]
        curve = LossCurve.of_facts(facts["curve"])
        before = Evaluated("before", bare_loss, facts["before"])
        computed_tokens, seconds = facts["computed_tokens"], facts["seconds"]
        started -= facts["elapsed"]
        spent = facts.get("spent", spent)
        objective.resume(resume.part("position"))

    steps = recipe.steps(objective.epoch_tokens, objective.row_tokens)
    # What is over shortens the time, and moves no learning rate of a training that has enough of it.
    schedule = Schedule(recipe, steps, started, reserved=evaluation + spent)
    # AdamW treats every element alone, so one optimiser over all members is an optimiser for each. Without
    # weight decay it does not change an element that has no gradient, to the bit.
    optimiser = torch.optim.AdamW(list(members.tensors.values()), weight_decay=0.0)
    if resume is not None:
        set_moments(optimiser, resume.part("optimiser"))

    def checkpoint(position: Position) -> Checkpoint:
        """The state after the last step: nothing of it but the position changes before the next one ends."""
        return Checkpoint(
            named("members", members.tensors)
            | named("optimiser", moments(optimiser))
            | named("position", position()),
            {
                "bare_loss": bare_loss,
                "before": before.member_losses,
                "evaluation": evaluation,
                "curve": curve.facts(),
                "computed_tokens": computed_tokens,
                "seconds": seconds,
                "elapsed": time.monotonic() - started,
                "spent": spent,
            },
        )

    while not schedule.finished(curve.steps):
        step_started = time.monotonic()
        optimiser.zero_grad()
        losses, computed = yield from objective.gradient(members)
        if not all(map(math.isfinite, losses)):
            raise DivergedError(f"the loss is {max(losses)} at step {curve.steps + 1}: lower learning_rate")
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * schedule.rate_factor(curve.steps)
        members.mask_frozen(frozen_tokens)
        members.clip_gradients(recipe.max_grad_norm)
        optimiser.step()
        curve.append(losses)
        step_seconds = time.monotonic() - step_started
        seconds += step_seconds
        computed_tokens += computed
        remaining = schedule.remaining(curve.steps, seconds / curve.steps)
        yield Stepped(
            step=curve.steps,
            steps=curve.steps + remaining,
            member_losses=losses,
            seconds=step_seconds,
            tokens=computed,
            tokens_per_second=computed_tokens / seconds,
            eta_seconds=remaining * seconds / curve.steps + evaluation,
            checkpoint=partial(checkpoint, objective.position()),
        )

    after = Evaluated("after", bare_loss, (yield from objective.heldout_losses(members)))
    _check(after)
    yield after
    yield Learned(
        members=members.detached("cpu"),
        before=before,
        after=after,
        curve=curve.points(),
        steps=curve.steps,
        text_tokens=objective.epoch_tokens,
        seconds=time.monotonic() - started,
        tokens_per_second=computed_tokens / seconds,
    )


def _appended(recipe: Recipe, start: Members, frozen: Members | None) -> Members:
    """The members before the first step: `start`, appended to `frozen` if there is any; both are checked."""
    fits = start.method == recipe.method and len(start) == recipe.members
    if not fits or start.virtual_tokens not in (0, recipe.virtual_tokens):
        raise ValueError(
            f"expected {recipe.members} members of {recipe.virtual_tokens} virtual tokens, method "
            f"{recipe.method}, to start from; got {len(start)} of {start.virtual_tokens}, {start.method}"
        )
    return start if frozen is None else start.appended_to(frozen)


def _check(evaluated: Evaluated) -> None:
    """Raise DivergedError for a held-out loss that is not finite."""
    for loss in (evaluated.bare_loss, *evaluated.member_losses):
        if loss is not None and not math.isfinite(loss):
            raise DivergedError(
                f"the held-out loss is {loss} {evaluated.stage} training: lower learning_rate"
            )
