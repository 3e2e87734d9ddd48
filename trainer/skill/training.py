"""Trains a skill, after which a frozen LLM answers from a passage or says nothing.

Then trains, after the skill and on the same examples, the soft prompts that members start from.
"""

import itertools
import random
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from trainer.llm.batch_types import Pack
from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.packing import pack_losses
from trainer.methods.prompt import Prompts, blank_prompts
from trainer.skill.examples import Example, batch_examples, pack_example
from trainer.skill.optimisation import SkillLoss, SkillState, SkillStep, optimise
from trainer.skill.recipe import OptimisationRecipe, SkillRecipe, StartsRecipe
from trainer.skill.skill import Skill, initial_skill


def train_skill(
    llm: FrozenLLM,
    examples: Sequence[Example],
    heldout: Sequence[Example],
    recipe: SkillRecipe,
    state: SkillState | None = None,
    start: Skill | None = None,
) -> Iterator[SkillLoss | SkillStep]:
    """Train a skill on `examples`; its tensors are those of the last step's state.

    Training resumes from `state`, or starts from `start`, or from a hand-written instruction. Raises
    ValueError when no example has an answerable question, and SkillMismatchError when the LLM cannot read
    `start`.
    """
    skill = start or initial_skill(llm)
    tensors = state.tensors if state else list(skill.tensors.values())
    learned = [
        tensor.detach().to(llm.head.device, torch.float32, copy=True).requires_grad_() for tensor in tensors
    ]
    steps = _Examples(llm, examples, recipe, recipe.rows)
    evaluated = _heldout_packs(llm, heldout, recipe)

    def gradient(step: int) -> tuple[float, int]:
        packs = steps.packs(step)
        context = skill.with_tensors(learned).context(llm)
        losses = pack_losses(llm, [Pack(part.exchanges, part.text, context) for part in packs])
        mean = _mean_loss(packs, losses)
        mean.backward()
        torch.nn.utils.clip_grad_norm_(learned, recipe.max_grad_norm)
        return float(mean.detach()), sum(part.length for part in packs)

    def evaluate(step: int) -> SkillLoss:
        return _evaluate(llm, skill.with_tensors(learned).context(llm), None, evaluated, step)

    yield from optimise(learned, gradient, evaluate if evaluated else None, recipe, state)


def train_starts(
    llm: FrozenLLM,
    skill: Skill,
    examples: Sequence[Example],
    heldout: Sequence[Example],
    recipe: StartsRecipe,
    state: SkillState | None = None,
) -> Iterator[SkillLoss | SkillStep]:
    """Train soft prompts [members, virtual tokens, hidden], the state's one tensor, after the frozen skill.

    Members of a book start from prompts that were trained on other books (SPoT, 2110.07904). In a step each
    prompt reads an example of its own; each held-out example is evaluated after one of them. Raises
    ValueError when no example has an answerable question.
    """
    tensor = (
        state.tensors[0] if state else blank_prompts(llm, recipe.members, recipe.virtual_tokens, recipe.seed)
    )
    starts = tensor.detach().to(llm.head.device, torch.float32, copy=True).requires_grad_()
    context = skill.context(llm)
    steps = _Examples(llm, examples, recipe, recipe.members)
    evaluated = _heldout_packs(llm, heldout, recipe)

    def gradient(step: int) -> tuple[float, int]:
        packs = steps.packs(step)
        total = 0.0
        # Half of the rows in each of two passes: activations take memory for every row of a pass.
        half = max(1, len(packs) // 2)
        for first in range(0, len(packs), half):
            part = [Pack(one.exchanges, one.text, context) for one in packs[first : first + half]]
            losses = pack_losses(llm, part, starts[first : first + half])
            rows = [_mean_loss([one], [found]) for one, found in zip(part, losses, strict=True)]
            summed = torch.stack(rows).sum()
            summed.backward()
            total += float(summed.detach())
        Prompts(starts).clip_gradients(recipe.max_grad_norm)
        computed = sum(part.length + recipe.virtual_tokens for part in packs)
        return total / len(packs), computed

    def evaluate(step: int) -> SkillLoss:
        return _evaluate(llm, context, starts.detach(), evaluated, step)

    yield from optimise([starts], gradient, evaluate if evaluated else None, recipe, state)


class _Examples:
    """The packed examples of each step, in endless epochs; a resumed training gets the same ones."""

    def __init__(
        self, llm: FrozenLLM, examples: Sequence[Example], recipe: OptimisationRecipe, rows: int
    ) -> None:
        """ValueError: no example has an answerable question."""
        useful = [example for example in examples if example.answerable]
        if not useful:
            raise ValueError("there is no passage with a question to learn from")
        # Repeated, if need be, so that a step has an example for each row.
        self._useful = [*itertools.islice(itertools.cycle(useful), max(rows, len(useful)))]
        self._llm = llm
        self._recipe = recipe
        self._rows = rows

    def packs(self, step: int) -> list[Pack]:
        """The packs of step `step`, counted from 0."""
        recipe = self._recipe
        epoch, place = divmod(step, len(self._useful) // self._rows)
        full = [
            batch
            for batch in batch_examples(self._useful, self._rows, random.Random(recipe.seed * 1_009 + epoch))
            if len(batch) == self._rows
        ]
        choose = random.Random(recipe.seed * 100_003 + step)
        return [
            pack_example(
                self._llm,
                example,
                choose,
                exchanges=recipe.exchanges,
                asking=recipe.asking,
                beside=recipe.beside,
            )
            for example in full[place]
        ]


def _heldout_packs(llm: FrozenLLM, heldout: Sequence[Example], recipe: OptimisationRecipe) -> list[Pack]:
    choose = random.Random(recipe.seed)
    return [pack_example(llm, example, choose, asking=0) for example in heldout if example.answerable]


@torch.no_grad()
def _evaluate(
    llm: FrozenLLM, context: Context, prompts: Tensor | None, packs: Sequence[Pack], step: int
) -> SkillLoss:
    """Mean losses per token of answers and of silence; packs are read after the prompts in turn."""
    answers: list[float] = []
    silences: list[float] = []
    for number, part in enumerate(packs):
        prompt = None if prompts is None else prompts[number % len(prompts)][None]
        [losses] = pack_losses(llm, [Pack(part.exchanges, part.text, context)], prompt)
        for exchange, found in zip(part.exchanges, losses, strict=True):
            (answers if len(exchange.answer) > 1 else silences).extend(found.tolist())
    return SkillLoss(step, _mean(answers), _mean(silences))


def _mean_loss(packs: Sequence[Pack], losses: Sequence[Sequence[Tensor]]) -> Tensor:
    """Mean over the tokens of all answers, nats, weighted by their exchanges' weights."""
    total, weights = torch.zeros((), device=losses[0][0].device), 0.0
    for part, found in zip(packs, losses, strict=True):
        for exchange, loss in zip(part.exchanges, found, strict=True):
            total = total + exchange.weight * loss.sum()
            weights += exchange.weight * len(loss)
    return total / weights


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
