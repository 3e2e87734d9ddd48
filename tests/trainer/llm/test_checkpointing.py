"""Blocks that are computed twice: the same losses and gradients, and less that is kept."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests import tiny
from tests.trainer.methods.test_methods import CASES, made, recipe
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.prefill import prefill
from trainer.llm.scoring import row_losses
from trainer.methods.dispatch import initial_members
from trainer.methods.members import Members
from trainer.objectives.lm import LanguageModelling
from trainer.options import Method
from trainer.skill.skill import PromptSkill


def gradient(llm: FrozenLLM, method: Method, *, with_context: bool) -> tuple[list[float], Members, int]:
    """Losses, members with their gradients, and the bytes that were kept for these."""
    wish = recipe(method)
    [context] = prefill(llm, [llm.encode("Answer in a word.")])
    objective = LanguageModelling(llm, tiny.STORY, wish, context if with_context else None)
    start = initial_members(llm, objective.text, wish, objective.context)
    # Deltas that are nothing yet give one of their sides no gradient.
    members = start.with_tensors(
        {name: tensor + 0.01 for name, tensor in start.tensors.items()}
    ).trainable_copy(llm.device)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    steps = objective.gradient(members)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        while True:
            try:
                next(steps)
            except StopIteration as ended:
                return ended.value[0], members, sum(kept.values())


@pytest.mark.parametrize("with_context", [False, True])
@pytest.mark.parametrize(("family", "method"), CASES)
def test_gradients_are_the_same_and_less_is_kept(
    tmp_path: Path, family: tiny.Family, method: Method, with_context: bool
) -> None:
    llm = made(tmp_path, family)
    expected, plain, whole = gradient(llm, method, with_context=with_context)
    llm.checkpointing = True
    losses, members, part = gradient(llm, method, with_context=with_context)
    assert losses == pytest.approx(expected, abs=1e-5)
    for name, tensor in members.tensors.items():
        assert tensor.grad is not None
        assert float(tensor.grad.abs().max()) > 0
        torch.testing.assert_close(tensor.grad, plain.tensors[name].grad, atol=1e-6, rtol=1e-3)
    assert part < 0.8 * whole


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_skill_prompt_that_is_read_gets_its_gradient(tmp_path: Path, checkpointing: bool) -> None:
    """A prompt whose keys and values are read, and what follows them: both are computed twice."""
    llm = made(tmp_path, "llama")
    prompt = llm.embed(torch.tensor(llm.encode("Answer in a word."))).detach().clone().requires_grad_()
    gradients: list[Tensor] = []
    for llm.checkpointing in (False, checkpointing):
        context = PromptSkill(prompt).context(llm)
        objective = LanguageModelling(llm, tiny.STORY, recipe("prompt"), context)
        members = initial_members(llm, objective.text, recipe("prompt"), context)
        at = members.condition(llm, [0], [context])
        [losses] = row_losses(llm, at.prompts, [list(objective.text)[:24]], at.contexts)
        gradients += torch.autograd.grad(losses.sum(), [prompt])
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=1e-3)


def test_it_is_on_if_asked_for(tmp_path: Path) -> None:
    folder = str(tiny.save(tmp_path / "model"))
    assert load(folder, device="cpu", checkpointing="on", cache_dir=tmp_path).checkpointing
    assert not load(folder, device="cpu", checkpointing="off", cache_dir=tmp_path).checkpointing
    assert not load(folder, device="cpu", cache_dir=tmp_path).checkpointing
