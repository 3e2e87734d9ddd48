"""Trains a skill, after which a frozen LLM answers from a passage or says nothing.

Then trains, after the skill and on the same examples, the soft prompts that members start from.
"""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from trainer.llm.batch_types import Pack
from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches, add_gradients
from trainer.llm.packing import pack_losses
from trainer.methods.prompt import Prompts, blank_prompts
from trainer.skill.examples import Example, batch_examples, pack_asking, pack_example
from trainer.skill.optimisation import SkillLoss, SkillState, SkillStep, optimise
from trainer.skill.recipe import OptimisationRecipe, SkillRecipe, StartsRecipe
from trainer.skill.skill import Skill, skill_to_train


def train_skill(
    llm: FrozenLLM,
    examples: Sequence[Example],
    heldout: Sequence[Example],
    recipe: SkillRecipe,
    state: SkillState | None = None,
    start: Skill | None = None,
    microbatches: Microbatches | None = None,
) -> Iterator[SkillLoss | SkillStep]:
    """Train a skill on `examples`; its tensors are those of the last step's state.

    Training resumes from `state`, or starts from `start`, or from what `skill_to_train` gives. A LoRA stays
    beside the LLM's weights afterwards. Raises ValueError when no example has an answerable question,
    SkillMismatchError when the LLM cannot read `start`, and OutOfMemoryError.
    """
    skill = start or skill_to_train(llm, recipe.method, recipe.rank, recipe.seed)
    tensors = state.tensors if state else list(skill.tensors.values())
    learned = [
        tensor.detach().to(llm.head.device, torch.float32, copy=True).requires_grad_() for tensor in tensors
    ]
    current = skill.with_tensors(learned)
    current.equip(llm, fold=False, dropout=recipe.dropout)
    if recipe.what == "ask":
        pack: _PackExample = partial(pack_asking, llm, exchanges=recipe.exchanges)
        steps = _Examples(examples, recipe, recipe.rows, pack)
    else:
        pack = partial(pack_example, llm, asking=0)
        steps = _Examples(examples, recipe, recipe.rows, _reading(llm, recipe))
    evaluated = _heldout_packs(heldout, recipe, pack)
    passes = microbatches or Microbatches(llm.device)

    def gradient(step: int) -> tuple[float, int]:
        packs = steps.packs(step)
        weights = sum(one.weight * len(one.answer) for pack in packs for one in pack.exchanges)

        def learn(part: Sequence[Pack]) -> float:
            context = current.context(llm)
            losses = pack_losses(llm, [Pack(one.exchanges, one.text, context) for one in part])
            share = _summed_loss(part, losses) / weights
            add_gradients(share, learned)
            return float(share.detach())

        longest = max(pack.length for pack in packs)
        # What dropout draws depends on the step alone, so that a resumed training draws the same.
        with torch.random.fork_rng([llm.device] if llm.device.type == "cuda" else []):
            torch.manual_seed(recipe.seed * 100_003 + step)
            mean = sum(share for _, share in passes.each(packs, longest, learn))
        torch.nn.utils.clip_grad_norm_(learned, recipe.max_grad_norm)
        return mean, sum(part.length for part in packs)

    def evaluate(step: int) -> SkillLoss:
        with torch.no_grad():
            context = current.context(llm)
        return _evaluate(llm, passes, context, None, evaluated, step)

    yield from optimise(learned, gradient, evaluate if evaluated else None, recipe, state)


def train_starts(
    llm: FrozenLLM,
    skill: Skill,
    examples: Sequence[Example],
    heldout: Sequence[Example],
    recipe: StartsRecipe,
    state: SkillState | None = None,
    microbatches: Microbatches | None = None,
) -> Iterator[SkillLoss | SkillStep]:
    """Train soft prompts [members, virtual tokens, hidden], the state's one tensor, after the frozen skill.

    Members of a book start from prompts that were trained on other books (SPoT, 2110.07904). In a step each
    prompt reads an example of its own; each held-out example is evaluated after one of them. Raises
    ValueError when no example has an answerable question. The LLM must be equipped with the skill.
    """
    tensor = (
        state.tensors[0] if state else blank_prompts(llm, recipe.members, recipe.virtual_tokens, recipe.seed)
    )
    starts = tensor.detach().to(llm.head.device, torch.float32, copy=True).requires_grad_()
    with torch.no_grad():
        context = skill.context(llm)
    steps = _Examples(examples, recipe, recipe.members, _reading(llm, recipe))
    evaluated = _heldout_packs(heldout, recipe, partial(pack_example, llm, asking=0))
    passes = microbatches or Microbatches(llm.device)

    def gradient(step: int) -> tuple[float, int]:
        packs = steps.packs(step)

        def learn(numbers: Sequence[int]) -> float:
            part = [Pack(packs[number].exchanges, packs[number].text, context) for number in numbers]
            losses = pack_losses(llm, part, starts[list(numbers)])
            rows = [
                _summed_loss([one], [found]) / sum(each.weight * len(each.answer) for each in one.exchanges)
                for one, found in zip(part, losses, strict=True)
            ]
            summed = torch.stack(rows).sum()
            add_gradients(summed, [starts])
            return float(summed.detach())

        longest = recipe.virtual_tokens + max(pack.length for pack in packs)
        total = sum(share for _, share in passes.each(range(len(packs)), longest, learn))
        Prompts(starts).clip_gradients(recipe.max_grad_norm)
        computed = sum(part.length + recipe.virtual_tokens for part in packs)
        return total / len(packs), computed

    def evaluate(step: int) -> SkillLoss:
        return _evaluate(llm, passes, context, starts.detach(), evaluated, step)

    yield from optimise([starts], gradient, evaluate if evaluated else None, recipe, state)


# What is packed of an example, drawn at random.
_PackExample = Callable[[Example, random.Random], Pack]


class _Examples:
    """The packed examples of each step, in endless epochs; a resumed training gets the same ones."""

    def __init__(
        self, examples: Sequence[Example], recipe: OptimisationRecipe, rows: int, pack: _PackExample
    ) -> None:
        """ValueError: no example has an answerable question."""
        useful = [example for example in examples if example.answerable]
        if not useful:
            raise ValueError("there is no passage with a question to learn from")
        # Repeated, if need be, so that a step has an example for each row.
        self._useful = [*itertools.islice(itertools.cycle(useful), max(rows, len(useful)))]
        self._pack = pack
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
        return [self._pack(example, choose) for example in full[place]]


def _reading(llm: FrozenLLM, recipe: OptimisationRecipe) -> _PackExample:
    """How examples to read from are packed."""
    return partial(
        pack_example,
        llm,
        exchanges=recipe.exchanges,
        asking=recipe.asking,
        beside=recipe.beside,
        together=recipe.together,
    )


def _heldout_packs(heldout: Sequence[Example], recipe: OptimisationRecipe, pack: _PackExample) -> list[Pack]:
    choose = random.Random(recipe.seed)
    return [pack(example, choose) for example in heldout if example.answerable]


@torch.no_grad()
def _evaluate(
    llm: FrozenLLM,
    passes: Microbatches,
    context: Context,
    prompts: Tensor | None,
    packs: Sequence[Pack],
    step: int,
) -> SkillLoss:
    """Mean losses per token of answers and of silence; packs are read after the prompts in turn."""
    numbers = range(len(packs))

    def losses(part: Sequence[int]) -> list[list[Tensor]]:
        chosen = [Pack(packs[number].exchanges, packs[number].text, context) for number in part]
        own = None if prompts is None else prompts[[number % len(prompts) for number in part]]
        return pack_losses(llm, chosen, own)

    answers: list[float] = []
    silences: list[float] = []
    virtual = 0 if prompts is None else prompts.shape[1]
    longest = virtual + max(pack.length for pack in packs)
    for part, found in passes.each(numbers, longest, losses):
        for number, each in zip(part, found, strict=True):
            for exchange, loss in zip(packs[number].exchanges, each, strict=True):
                (answers if len(exchange.answer) > 1 else silences).extend(loss.tolist())
    return SkillLoss(step, _mean(answers), _mean(silences))


def _summed_loss(packs: Sequence[Pack], losses: Sequence[Sequence[Tensor]]) -> Tensor:
    """Sum over the tokens of all answers, nats, each times its exchange's weight."""
    weights = [one.weight for pack in packs for one in pack.exchanges for _ in one.answer]
    flat = torch.cat([loss for found in losses for loss in found])
    return flat @ torch.tensor(weights, device=flat.device)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
