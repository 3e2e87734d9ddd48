"""Members behind the passages: they learn what they are asked, on what was read without them."""

from dataclasses import replace
from typing import get_args

import pytest
import torch

from tests.trainer.objectives.test_self_study import ITEMS, PASSAGES, material
from trainer.joint_training import train
from trainer.llm import templates
from trainer.llm.batch_types import Exchange, Pack
from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.packing import pack_losses
from trainer.llm.prefill import prefill
from trainer.methods.dispatch import initial_members, member_contexts, member_from_bytes
from trainer.methods.members import Members
from trainer.objectives.passage_contexts import PassageContexts
from trainer.objectives.self_study import SelfStudy
from trainer.options import Method
from trainer.progress import Learned
from trainer.recipe import Recipe

RECIPE = Recipe(
    objective="self_study",
    placement="behind",
    members=2,
    virtual_tokens=6,
    rank=4,
    epochs=60,
    closed=0.0,
    heldout=0.5,
)


def losses_after(llm: FrozenLLM, contexts: list[Context]) -> list[float]:
    """The loss of each item's answer after the context of its passage, nats per token."""
    found = []
    for item, context in zip(ITEMS, contexts, strict=True):
        asked = Exchange(templates.question(llm, item.question), templates.answer(llm, item.answer))
        found.append(float(pack_losses(llm, [Pack([asked], context=context)])[0][0].mean()))
    return found


def read(llm: FrozenLLM, members: Members, number: int) -> list[Context]:
    """What a member has before it when it is asked each item: [skill][passage][member]."""
    skill = material(llm).skill
    read = prefill(llm, [templates.passages(llm, [PASSAGES[item.passage]]) for item in ITEMS], skill)
    return member_contexts(llm, [members[[number]]] * len(ITEMS), read)


@pytest.mark.parametrize("method", get_args(Method))
def test_members_behind_are_asked_as_they_learned(llm: FrozenLLM, method: Method) -> None:
    rate = 0.01 if method == "lora" else 0.1
    recipe = RECIPE.model_copy(update={"method": method, "learning_rate": rate})
    objective = SelfStudy(llm, material(llm), recipe)
    start = initial_members(llm, [], recipe, objective.context)
    *_, learned = train(llm, objective, recipe, start=start)
    assert isinstance(learned, Learned)
    assert learned.members.placement == "behind"
    held = [ITEMS.index(item) for item in objective.heldout_questions]
    known = [number for number in range(len(ITEMS)) if number not in held]
    for number in range(2):
        before, after = (
            losses_after(llm, read(llm, members, number))
            for members in (start.detached("cpu"), learned.members)
        )
        assert sum(after[one] for one in known) < sum(before[one] for one in known) - 0.03
        # The reported loss is a mean over tokens, and so is this.
        tokens = [len(templates.answer(llm, ITEMS[one].answer)) for one in held]
        mean = sum(after[one] * size for one, size in zip(held, tokens, strict=True)) / sum(tokens)
        assert learned.after.member_losses[number] == pytest.approx(mean, abs=1e-3)
    kept = [member_from_bytes(method, data, llm, "behind") for data in learned.members.artifacts()]
    assert losses_after(llm, read(llm, kept[1], 0)) == pytest.approx(after, abs=1e-4)


def test_a_member_behind_changes_nothing_of_what_was_read(llm: FrozenLLM) -> None:
    """A LoRA in front changes how a passage is read; behind, the same LoRA acts on what follows alone."""
    recipe = RECIPE.model_copy(update={"method": "lora", "members": 1})
    generator = torch.Generator().manual_seed(0)
    loras = initial_members(llm, [], recipe)
    loud = loras.with_tensors(
        {name: torch.randn(tensor.shape, generator=generator) for name, tensor in loras.tensors.items()}
    )
    skill = material(llm).skill
    text = [templates.passages(llm, PASSAGES[:1])]
    [behind] = member_contexts(llm, [loud], prefill(llm, text, skill))
    [in_front] = prefill(llm, text, member_contexts(llm, [replace(loud, placement="front")], skill))
    both = [losses_after(llm, [context] * len(ITEMS)) for context in (behind, in_front)]
    assert both[0] != pytest.approx(both[1], abs=1e-3)


def test_passages_are_read_one_at_a_time_and_once(llm: FrozenLLM) -> None:
    """Whoever asks meanwhile waits for one passage at most."""
    contexts = PassageContexts(llm, PASSAGES, material(llm).skill)
    assert len(list(contexts.read([1, 0, 1]))) == 2
    kept = [contexts.of(number) for number in range(2)]
    assert list(contexts.read([0, 1])) == []
    assert [contexts.of(number) for number in range(2)] == kept
