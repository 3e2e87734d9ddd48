"""Joint training: all members of a version learn in one batch, each row behind its own member's prompt."""

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.frozen import FrozenLLM
from trainer.prompts import initial
from trainer.reading import Reading, rows, split
from trainer.recipe import Recipe
from trainer.schedule import Schedule
from trainer.scoring import mean_losses, passes, row_losses


@dataclass(frozen=True)
class Pause:
    """Between two passes of a step: nothing to report, a good moment to let somebody else have the LLM."""


@dataclass(frozen=True)
class Evaluated:
    """Held-out loss, nats per token, of the bare LLM and of each member; NaN where nothing is held out."""

    stage: str  # "before" or "after"
    bare_loss: float
    member_losses: list[float]


@dataclass(frozen=True)
class Stepped:
    """One optimiser step. `steps` is an estimate while a limit in seconds is in force."""

    step: int
    steps: int
    member_losses: list[float]
    tokens_per_second: float  # of all members, virtual tokens included
    eta_seconds: float

    @property
    def loss(self) -> float:
        """Mean over the members."""
        return sum(self.member_losses) / len(self.member_losses)


@dataclass(frozen=True)
class Learned:
    """What training gives: prompts [members, virtual tokens, hidden], float32 on the CPU, and how it went."""

    prompts: Tensor
    before: Evaluated
    after: Evaluated
    curve: list[list[float]]  # per step, each member's training loss
    text_tokens: int
    seconds: float
    tokens_per_second: float


class DivergedError(ArithmeticError):
    """A loss is no longer a number; the recipe learns too fast for this LLM."""


Progress = Pause | Evaluated | Stepped | Learned


def train(
    llm: FrozenLLM, text: str, recipe: Recipe, *, start: Tensor | None = None, pass_tokens: int = 8192
) -> Iterator[Progress]:
    """Learn `recipe.members` soft prompts on `text`; yields progress as it happens, and `Learned` last.

    Members begin at `start` [members, virtual tokens, hidden], else where the recipe says. A forward and
    backward pass holds at most `pass_tokens` tokens, or one row; a step of more is made of several passes
    with a `Pause` between them, and comes to the same gradient. The LLM's weights get none.
    Raises ValueError when the text has fewer than two tokens, or `start` is not of the recipe's shape, and
    DivergedError when a loss is no longer finite.
    """
    started = time.monotonic()
    tokens = llm.encode(text)
    if len(tokens) < 2:
        raise ValueError("there must be at least two tokens of text to learn from")
    reading = split(tokens, recipe.row_tokens, recipe.heldout)
    if start is None:
        start = initial(llm, reading.text, recipe)
    elif start.shape[:2] != (recipe.members, recipe.virtual_tokens):
        expected = [recipe.members, recipe.virtual_tokens, llm.identity.hidden_size]
        raise ValueError(f"expected prompts {expected} to start from, got {list(start.shape)}")
    prompts = start.to(llm.device, torch.float32, copy=True).requires_grad_()
    bare = _mean(mean_losses(llm, None, reading.heldout)) if reading.heldout else float("nan")
    yield Pause()
    evaluation_started = time.monotonic()
    before = Evaluated("before", bare, (yield from _evaluate(llm, prompts, reading, pass_tokens)))
    yield before

    evaluation = time.monotonic() - evaluation_started
    schedule = Schedule(recipe, recipe.steps(reading.text_tokens), started, reserved=evaluation)
    # AdamW works on each element alone, so one optimiser over all members is an optimiser for each.
    optimiser = torch.optim.AdamW([prompts], weight_decay=0.0)
    readers = [rows(reading, recipe.row_tokens, recipe.seed + member) for member in range(recipe.members)]
    curve: list[list[float]] = []
    learned_tokens, learning = 0, 0.0
    while not schedule.over(len(curve)):
        step_started = time.monotonic()
        batch = [(member, next(reader)) for member, reader in enumerate(readers) for _ in range(recipe.rows)]
        losses = yield from _gradient(llm, prompts, batch, pass_tokens)
        if not all(map(math.isfinite, losses)):
            raise DivergedError(f"the loss is {max(losses)} at step {len(curve) + 1}: lower learning_rate")
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * schedule.rate(len(curve))
        _clip(prompts, recipe.max_grad_norm)
        optimiser.step()
        curve.append(losses)
        learning += time.monotonic() - step_started
        learned_tokens += sum(recipe.virtual_tokens + len(row) for _, row in batch)
        remaining = schedule.remaining(len(curve), learning / len(curve))
        yield Stepped(
            step=len(curve),
            steps=len(curve) + remaining,
            member_losses=losses,
            tokens_per_second=learned_tokens / learning,
            eta_seconds=remaining * learning / len(curve) + evaluation,
        )

    after = Evaluated("after", bare, (yield from _evaluate(llm, prompts, reading, pass_tokens)))
    yield after
    yield Learned(
        prompts=prompts.detach().cpu(),
        before=before,
        after=after,
        curve=curve,
        text_tokens=len(tokens),
        seconds=time.monotonic() - started,
        tokens_per_second=learned_tokens / learning,
    )


def _gradient(
    llm: FrozenLLM, prompts: Tensor, batch: list[tuple[int, list[int]]], pass_tokens: int
) -> Generator[Pause, None, list[float]]:
    """Leave in `prompts.grad` the gradient of each member's mean loss over its own rows' tokens."""
    members, virtual_tokens, _ = prompts.shape
    read = [0] * members
    for member, row in batch:
        read[member] += len(row)
    losses = [0.0] * members
    prompts.grad = None
    longest = virtual_tokens + max(len(row) for _, row in batch)
    for part in passes(batch, longest, pass_tokens):
        chosen = [member for member, _ in part]
        found = row_losses(llm, prompts[chosen], [row for _, row in part])
        shares = [loss.sum() / read[member] for member, loss in zip(chosen, found, strict=True)]
        torch.stack(shares).sum().backward()
        for member, share in zip(chosen, shares, strict=True):
            losses[member] += float(share.detach())
        yield Pause()
    return losses


def _evaluate(
    llm: FrozenLLM, prompts: Tensor, reading: Reading, pass_tokens: int
) -> Generator[Pause, None, list[float]]:
    """Each member's mean loss over the held-out blocks, nats per token."""
    if not reading.heldout:
        return [float("nan")] * len(prompts)
    batch = [(member, block) for member in range(len(prompts)) for block in reading.heldout]
    longest = prompts.shape[1] + max(map(len, reading.heldout))
    losses: list[float] = []
    for part in passes(batch, longest, pass_tokens):
        chosen = [member for member, _ in part]
        losses += mean_losses(llm, prompts[chosen], [block for _, block in part])
        yield Pause()
    blocks = len(reading.heldout)
    return [_mean(losses[start : start + blocks]) for start in range(0, len(losses), blocks)]


def _clip(prompts: Tensor, most: float) -> None:
    """Scale down each member's gradient whose norm is above `most`, each by its own norm."""
    assert prompts.grad is not None
    norms = prompts.grad.flatten(1).norm(dim=1)
    prompts.grad *= (most / norms.clamp(min=1e-12)).clamp(max=1.0)[:, None, None]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
