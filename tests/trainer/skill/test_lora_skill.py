"""A skill that is a LoRA: learned, resumed, kept, and refused where it does not fit."""

import dataclasses
import io
from collections.abc import Iterable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from tests import tiny
from tests.learned import answer_losses
from tests.trainer.methods.test_methods import learned, made, recipe
from trainer.llm.batch_types import Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.microbatches import Microbatches
from trainer.methods.tensors import FormatError
from trainer.options import Method
from trainer.skill.examples import Example
from trainer.skill.optimisation import SkillState, SkillStep
from trainer.skill.recipe import SkillRecipe, default_method
from trainer.skill.skill import (
    LoraSkill,
    PrefixSkill,
    PromptSkill,
    Skill,
    SkillMismatchError,
    skill_from_bytes,
    skill_to_train,
)
from trainer.skill.training import train_skill

EXAMPLES = [
    Example(
        "Mira kept a green lamp in the tower of Ost. Every night at nine she lit it with a match.",
        [("Who kept a lamp?", ["Mira"]), ("When did she light it?", ["at nine", "at night"])],
        ["Who sold butter?"],
    ),
    Example("The baker sold butter.", [("Who sold butter?", ["the baker"])], ["Who kept a lamp?"]),
]
RECIPE = SkillRecipe(
    method="lora", rank=4, rows=2, steps=30, warmup=2, decay_from=10, learning_rate=0.02, evaluate_every=15
)


def steps(happened: Iterable[object]) -> list[SkillStep]:
    return [each for each in happened if isinstance(each, SkillStep)]


FAMILIES: list[tiny.Family] = ["llama", "flan_t5"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[tiny.Family, Skill]:
    """A skill that has learned, of each family."""
    skills = {}
    for family in FAMILIES:
        llm = made(tmp_path_factory.mktemp(family), family)
        last = steps(train_skill(llm, EXAMPLES, [], RECIPE))[-1]
        skills[family] = skill_to_train(llm, RECIPE.method, RECIPE.rank, RECIPE.seed).with_tensors(
            [tensor.detach() for tensor in last.state.tensors]
        )
    return skills


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> tiny.Family:
    chosen: tiny.Family = request.param
    return chosen


@pytest.fixture
def fresh(family: tiny.Family, tmp_path: Path) -> FrozenLLM:
    """An LLM of the test's own, which may be changed."""
    return made(tmp_path, family)


def test_it_learns_and_no_weight_changes(fresh: FrozenLLM) -> None:
    before = [parameter.clone() for parameter in fresh.model.parameters()]
    losses = answer_losses(train_skill(fresh, EXAMPLES, EXAMPLES, RECIPE))
    assert len(losses) == 3
    assert losses[2] < losses[1] < losses[0] - 0.3
    assert all(torch.equal(*pair) for pair in zip(before, fresh.model.parameters(), strict=True))


def test_before_its_first_step_it_changes_nothing(fresh: FrozenLLM) -> None:
    row = Row(None, fresh.encode("Who kept a lamp?"), 6)
    [bare] = decode(fresh, [row])
    skill_to_train(fresh, "lora", 4, 0).equip(fresh, fold=False)
    [equipped] = decode(fresh, [row])
    assert equipped.tokens == bare.tokens
    assert equipped.log_likelihoods == bare.log_likelihoods


def test_training_goes_on_bit_for_bit_where_it_was_stopped(fresh: FrozenLLM) -> None:
    drawn = RECIPE.model_copy(update={"dropout": 0.2, "steps": 14})
    whole = steps(train_skill(fresh, EXAMPLES, [], drawn))[-1].state
    kept = io.BytesIO()
    for happened in train_skill(fresh, EXAMPLES, [], drawn):
        if isinstance(happened, SkillStep) and happened.step == 7:
            torch.save(dataclasses.asdict(happened.state), kept)
            break
    kept.seek(0)
    stopped = SkillState(**torch.load(kept, weights_only=True))
    again = steps(train_skill(fresh, EXAMPLES, [], drawn, stopped))
    assert [each.step for each in again] == list(range(8, 15))
    for one, two in zip(again[-1].state.tensors, whole.tensors, strict=True):
        assert torch.equal(one, two)


def test_passes_of_any_size_come_to_one_step(
    family: tiny.Family, fresh: FrozenLLM, trained: dict[tiny.Family, Skill]
) -> None:
    one = RECIPE.model_copy(update={"steps": 1, "max_grad_norm": 1e9, "warmup": 0})
    # B is 0 at first, and A would have no gradient.
    start = trained[family]
    [whole], [apart] = (
        steps(
            train_skill(fresh, EXAMPLES, [], one, start=start, microbatches=Microbatches(fresh.device, most))
        )
        for most in (100_000, 1)
    )
    assert apart.loss == pytest.approx(whole.loss, abs=1e-5)
    means = [_first_moments(each.state) for each in (whole, apart)]
    assert all(float(mean.abs().max()) > 0 for mean in means[0])
    for expected, found in zip(*means, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-3)


def _first_moments(state: SkillState) -> list[Tensor]:
    """AdamW's, which after one step are the gradient times a constant."""
    return [value for name, value in state.optimiser.items() if name.endswith(".exp_avg")]


def test_a_saved_skill_answers_as_it_did(
    family: tiny.Family, fresh: FrozenLLM, trained: dict[tiny.Family, Skill]
) -> None:
    exact = trained[family]
    rounded = exact.with_tensors([tensor.bfloat16().float() for tensor in exact.tensors.values()])
    kept = skill_from_bytes(rounded.to_bytes())
    assert isinstance(kept, LoraSkill)
    assert kept.rank == 4
    assert kept.tensors.keys() == rounded.tensors.keys()
    # A training that is resumed counts on the order.
    assert all(list(skill_from_bytes(rounded.to_bytes()).tensors) == list(kept.tensors) for _ in range(9))
    for name, tensor in rounded.tensors.items():
        assert torch.equal(kept.tensors[name], tensor)
    answers = []
    bare = decode(fresh, [Row(None, fresh.encode("Who kept a lamp?"), 6)])
    for each in (rounded, kept):
        each.equip(fresh, fold=False)
        assert rounded.is_in_force(fresh)
        answers += decode(
            fresh, [Row(None, fresh.encode("Who kept a lamp?"), 6, context=each.context(fresh))]
        )
    assert answers[0].log_likelihoods == answers[1].log_likelihoods != bare[0].log_likelihoods


def test_what_is_no_lora_is_refused(llm: FrozenLLM) -> None:
    whole = skill_to_train(llm, "lora", 4, 0).tensors
    name = next(name for name in whole if ".lora_A." in name)
    broken = {
        "an A and a B": {other: tensor for other, tensor in whole.items() if other != name},
        "of one rank": {**whole, name: whole[name][:3]},
        "no matrix": {**whole, name: whole[name][None]},
        "finite": {**whole, name: torch.full_like(whole[name], float("nan"))},
        "lora": {"base_model.model.lora_C.weight": whole[name]},
    }
    for said, tensors in broken.items():
        data = safetensors.torch.save({key: each.contiguous() for key, each in tensors.items()})
        with pytest.raises(FormatError, match=said):
            skill_from_bytes(data)


def test_another_llm_refuses_it(llm: FrozenLLM, tmp_path: Path) -> None:
    mine = skill_to_train(llm, "lora", 4, 0)
    wide = tiny.save(tmp_path / "wide", hidden_size=64)
    others = {
        "do not fit": load(str(wide), device="cpu", dtype="float32", cache_dir=tmp_path),
        "has no layer": made(tmp_path, "opt"),
    }
    for said, other in others.items():
        for fold in (False, True):
            with pytest.raises(SkillMismatchError, match=said):
                mine.equip(other, fold=fold)
        assert other.adaptation.holds(None)
        assert not mine.is_in_force(other)


def test_a_kind_that_an_llm_cannot_learn_is_refused(fresh: FrozenLLM) -> None:
    assert default_method(fresh) == "lora"
    assert isinstance(skill_to_train(fresh, "prompt", 4, 0), PromptSkill)
    if fresh.can_judge:
        assert isinstance(skill_to_train(fresh, "prefix", 4, 0), PrefixSkill)
    else:
        with pytest.raises(SkillMismatchError, match="encoder-decoder"):
            skill_to_train(fresh, "prefix", 4, 0)


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize(
    ("family", "method"),
    [("llama", "prompt"), ("llama", "prefix"), ("llama", "lora"), ("flan_t5", "prompt"), ("flan_t5", "lora")],
)
def test_members_learn_and_answer_on_it(
    fresh: FrozenLLM, family: tiny.Family, method: Method, fold: bool, trained: dict[tiny.Family, Skill]
) -> None:
    llm, skill = fresh, trained[family]
    skill.equip(llm, fold=fold)
    last = learned(llm, recipe(method, learning_rate=0.02))
    for member in range(3):
        first, end = ([step[member] for step in part] for part in (last.curve[:5], last.curve[-5:]))
        assert sum(end) < sum(first) - 0.05
    assert skill.is_in_force(llm)
    context = skill.context(llm)
    at = last.members.condition(llm, [0, 1, 2], [context] * 3)
    rows = [
        Row(None if at.prompts is None else at.prompts[number], llm.encode("Who kept it?"), 5, context=found)
        for number, found in enumerate(at.contexts)
    ]
    together = decode(llm, rows)
    for row, completion in zip(rows, together, strict=True):
        [alone] = decode(llm, [row])
        assert alone.tokens == completion.tokens
        assert alone.log_likelihoods == pytest.approx(completion.log_likelihoods, abs=1e-4)
    assert len({tuple(each.log_likelihoods) for each in together}) == 3
