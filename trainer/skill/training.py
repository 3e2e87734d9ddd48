"""Learns a skill prompt: that behind which a frozen LLM answers from a passage, or says nothing.

After it, where members start: soft prompts behind the skill prompt, learned on the same lessons.
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
from trainer.methods.prompt import Prompts, blank
from trainer.skill.examples import Example, batches, pack
from trainer.skill.optimisation import SkillLoss, SkillState, SkillStep, optimise
from trainer.skill.recipe import SkillRecipe, StartsRecipe, Steps
from trainer.skill.skill import Skill, opening


def learn(
    llm: FrozenLLM,
    lessons: Sequence[Example],
    heldout: Sequence[Example],
    recipe: SkillRecipe,
    state: SkillState | None = None,
    start: Skill | None = None,
) -> Iterator[SkillLoss | SkillStep]:
    """Learn on `lessons`, from where `state` is, from `start`, or from a hand-written instruction.

    The state's tensors are the skill's. Raises ValueError when no lesson answers a question, and
    SkillMismatchError when the LLM cannot read what to start from.
    """
    skill = start or opening(llm)
    tensors = state.tensors if state else list(skill.tensors.values())
    learned = [
        tensor.detach().to(llm.head.device, torch.float32, copy=True).requires_grad_() for tensor in tensors
    ]
    draw = _Lessons(llm, lessons, recipe, recipe.rows)
    evaluated = _evaluated(llm, heldout, recipe)

    def gradient(step: int) -> tuple[float, int]:
        packs = draw.packs(step)
        context = skill.learned(learned).context(llm)
        losses = pack_losses(llm, [Pack(part.exchanges, part.text, context) for part in packs])
        mean = _mean_loss(packs, losses)
        mean.backward()
        torch.nn.utils.clip_grad_norm_(learned, recipe.max_grad_norm)
        return float(mean.detach()), sum(part.length for part in packs)

    def evaluate(step: int) -> SkillLoss:
        return _evaluate(llm, skill.learned(learned).context(llm), None, evaluated, step)

    yield from optimise(learned, gradient, evaluate if evaluated else None, recipe, state)


def learn_starts(
    llm: FrozenLLM,
    skill: Skill,
    lessons: Sequence[Example],
    heldout: Sequence[Example],
    recipe: StartsRecipe,
    state: SkillState | None = None,
) -> Iterator[SkillLoss | SkillStep]:
    """Learn soft prompts [members, virtual tokens, hidden], the state's one tensor, behind the frozen skill.

    Members of a book start from what others learned on other books (SPoT, 2110.07904). In one batch, each
    reads a lesson of its own; a held-out lesson is evaluated behind one of them. Raises ValueError when no
    lesson answers a question.
    """
    tensor = state.tensors[0] if state else blank(llm, recipe.members, recipe.virtual_tokens, recipe.seed)
    starts = tensor.detach().to(llm.head.device, torch.float32, copy=True).requires_grad_()
    context = skill.context(llm)
    draw = _Lessons(llm, lessons, recipe, recipe.members)
    evaluated = _evaluated(llm, heldout, recipe)

    def gradient(step: int) -> tuple[float, int]:
        packs = draw.packs(step)
        total = 0.0
        # Half of them at a time: a pass holds activations of every row.
        half = max(1, len(packs) // 2)
        for first in range(0, len(packs), half):
            part = [Pack(one.exchanges, one.text, context) for one in packs[first : first + half]]
            losses = pack_losses(llm, part, starts[first : first + half])
            rows = [_mean_loss([one], [found]) for one, found in zip(part, losses, strict=True)]
            summed = torch.stack(rows).sum()
            summed.backward()
            total += float(summed.detach())
        Prompts(starts).clip(recipe.max_grad_norm)
        computed = sum(part.length + recipe.virtual_tokens for part in packs)
        return total / len(packs), computed

    def evaluate(step: int) -> SkillLoss:
        return _evaluate(llm, context, starts.detach(), evaluated, step)

    yield from optimise([starts], gradient, evaluate if evaluated else None, recipe, state)


class _Lessons:
    """The lessons of each step, packed: epoch by epoch, without end, and the same whoever asks again."""

    def __init__(self, llm: FrozenLLM, lessons: Sequence[Example], recipe: Steps, rows: int) -> None:
        """ValueError: no lesson answers a question."""
        useful = [lesson for lesson in lessons if lesson.answered]
        if not useful:
            raise ValueError("there is no passage with a question to learn from")
        # Every step has a lesson for each row.
        self._useful = [*itertools.islice(itertools.cycle(useful), max(rows, len(useful)))]
        self._llm = llm
        self._recipe = recipe
        self._rows = rows

    def packs(self, step: int) -> list[Pack]:
        """What step `step`, counted from 0, reads."""
        recipe = self._recipe
        epoch, place = divmod(step, len(self._useful) // self._rows)
        full = [
            batch
            for batch in batches(self._useful, self._rows, random.Random(recipe.seed * 1_009 + epoch))
            if len(batch) == self._rows
        ]
        choose = random.Random(recipe.seed * 100_003 + step)
        return [
            pack(
                self._llm,
                lesson,
                choose,
                exchanges=recipe.exchanges,
                asking=recipe.asking,
                beside=recipe.beside,
            )
            for lesson in full[place]
        ]


def _evaluated(llm: FrozenLLM, heldout: Sequence[Example], recipe: Steps) -> list[Pack]:
    choose = random.Random(recipe.seed)
    return [pack(llm, lesson, choose, asking=0) for lesson in heldout if lesson.answered]


@torch.no_grad()
def _evaluate(
    llm: FrozenLLM, context: Context, prompts: Tensor | None, packs: Sequence[Pack], step: int
) -> SkillLoss:
    """Mean loss per token of answers, and of silence; pack i behind prompt i, from the first again."""
    spoken: list[float] = []
    silent: list[float] = []
    for number, part in enumerate(packs):
        prompt = None if prompts is None else prompts[number % len(prompts)][None]
        [losses] = pack_losses(llm, [Pack(part.exchanges, part.text, context)], prompt)
        for exchange, found in zip(part.exchanges, losses, strict=True):
            (spoken if len(exchange.answer) > 1 else silent).extend(found.tolist())
    return SkillLoss(step, _mean(spoken), _mean(silent))


def _mean_loss(packs: Sequence[Pack], losses: Sequence[Sequence[Tensor]]) -> Tensor:
    """Weighted mean over the answers' tokens."""
    total, weights = torch.zeros((), device=losses[0][0].device), 0.0
    for part, found in zip(packs, losses, strict=True):
        for exchange, loss in zip(part.exchanges, found, strict=True):
            total = total + exchange.weight * loss.sum()
            weights += exchange.weight * len(loss)
    return total / weights


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
