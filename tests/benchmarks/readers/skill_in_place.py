"""Trains a skill on with members of the stories in place that its rows are about."""

import random
from collections.abc import Iterator, Mapping, Sequence

import torch

from trainer.llm.batch_types import Pack
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches, add_gradients
from trainer.llm.packing import pack_losses
from trainer.methods.members import Members
from trainer.skill.examples import Example, pack_example
from trainer.skill.optimisation import SkillLoss, SkillState, SkillStep, optimise
from trainer.skill.recipe import SkillRecipe
from trainer.skill.skill import Skill

# The share of rows that are read without a member, also where members are in place.
_WITHOUT = 0.25


def train_in_place(
    llm: FrozenLLM,
    skill: Skill,
    rows: Sequence[tuple[str, Example]],
    members: Mapping[str, Members],
    recipe: SkillRecipe,
    state: SkillState | None,
) -> Iterator[SkillLoss | SkillStep]:
    """Train the skill on rows [skill][passage][member of the row's story, or none][questions]."""
    tensors = state.tensors if state else list(skill.tensors.values())
    learned = [tensor.detach().to(torch.float32, copy=True).requires_grad_() for tensor in tensors]
    current = skill.with_tensors(learned)
    current.equip(llm, fold=False)
    passes = Microbatches(llm.device, 1024)

    def gradient(step: int) -> tuple[float, int]:
        choose = random.Random(recipe.seed * 100_003 + step)
        drawn = choose.sample(list(rows), recipe.rows)
        packs = [pack_example(llm, one, choose, asking=0.0) for _, one in drawn]
        # Drawn in both arms, so that both see the same rows.
        behind = [members.get(name) if choose.random() >= _WITHOUT else None for name, _ in drawn]
        answers = sum(len(one.answer) for pack in packs for one in pack.exchanges)

        def share(part: Sequence[tuple[Pack, Members | None]]) -> float:
            texts = [llm.embed(torch.tensor(pack.text)) for pack, _ in part]
            read = llm.prefill(texts, [current.context(llm)] * len(part))
            contexts = [
                context if member is None else member.contexts(llm, context)[0]
                for (_, member), context in zip(part, read, strict=True)
            ]
            after = [
                Pack(pack.exchanges, context=context)
                for (pack, _), context in zip(part, contexts, strict=True)
            ]
            loss = torch.cat([one for found in pack_losses(llm, after) for one in found]).sum() / answers
            add_gradients(loss, learned)
            return float(loss.detach())

        pairs = list(zip(packs, behind, strict=True))
        longest = max(pack.length for pack in packs)
        mean = sum(each for _, each in passes.each(pairs, longest, share))
        torch.nn.utils.clip_grad_norm_(learned, recipe.max_grad_norm)
        return mean, sum(pack.length for pack in packs)

    yield from optimise(learned, gradient, None, recipe, state)
