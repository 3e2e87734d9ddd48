"""A LoRA for all that is read: beside the weights, or folded into them."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests import tiny
from tests.trainer.methods.test_methods import made
from trainer.llm.adaptation import LoraWeights
from trainer.llm.batch_types import Completion, Exchange, Pack, Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.packing import pack_losses
from trainer.options import Dtype, Quantization
from trainer.skill.skill import LoraSkill, skill_to_train

FAMILIES: list[tiny.Family] = ["llama", "gpt_neox", "t5", "flan_t5"]


def loud(llm: FrozenLLM, seed: int = 0) -> LoraSkill:
    """A skill that changes all that is read."""
    skill = skill_to_train(llm, "lora", 4, seed)
    assert isinstance(skill, LoraSkill)
    generator = torch.Generator().manual_seed(seed)
    return skill.with_tensors(
        [0.2 * torch.randn(tensor.shape, generator=generator) for tensor in skill.tensors.values()]
    )


def losses(llm: FrozenLLM) -> Tensor:
    """Those of an answer, one for each token."""
    pack = Pack(
        [Exchange(llm.encode("Who kept a lamp?"), llm.encode("Mira of the tower"))],
        llm.encode(tiny.STORY[:80]),
    )
    [[found]] = pack_losses(llm, [pack])
    return found


def answer(llm: FrozenLLM) -> Completion:
    [found] = decode(llm, [Row(None, llm.encode("Who kept a lamp?"), 12)])
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_folded_is_the_same_as_beside(tmp_path: Path, family: tiny.Family) -> None:
    llm = made(tmp_path, family)
    skill = loud(llm)
    bare = losses(llm)
    skill.equip(llm, fold=False)
    beside, said = losses(llm), answer(llm)
    skill.equip(llm)
    torch.testing.assert_close(losses(llm), beside, atol=1e-4, rtol=1e-4)
    assert answer(llm).tokens == said.tokens
    assert answer(llm).log_likelihoods == pytest.approx(said.log_likelihoods, abs=1e-3)
    assert float((beside - bare).abs().max()) > 0.05


def test_in_bfloat16_they_are_the_same_but_for_rounding(tmp_path: Path) -> None:
    folder = str(tiny.save(tmp_path / "model"))
    found: dict[tuple[Dtype, bool], Tensor] = {}
    dtypes: tuple[Dtype, Dtype] = ("float32", "bfloat16")
    for dtype in dtypes:
        for fold in (False, True):
            llm = load(folder, device="cpu", dtype=dtype, cache_dir=tmp_path)
            bare = losses(llm)
            loud(llm).equip(llm, fold=fold)
            found[dtype, fold] = losses(llm)
            assert float((found[dtype, fold] - bare).abs().max()) > 0.2
    exact = found["float32", True]
    for fold in (False, True):
        torch.testing.assert_close(found["bfloat16", fold], exact, atol=0.1, rtol=0.02)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_layer_grows_by_its_delta(tmp_path: Path, family: tiny.Family) -> None:
    llm = made(tmp_path, family)
    skill = loud(llm)
    before = {name: weight.clone() for name, weight in llm.model.named_parameters()}
    skill.equip(llm)
    changed = {name for name, weight in llm.model.named_parameters() if not torch.equal(weight, before[name])}
    assert changed == {f"{module}.weight" for module in llm.adaptation.targets}
    for module in llm.adaptation.targets:
        name = f"base_model.model.{module}.lora_"
        grown = 2 * skill.weights[f"{name}B.weight"] @ skill.weights[f"{name}A.weight"]
        weight = llm.model.get_parameter(f"{module}.weight")
        torch.testing.assert_close(weight, before[f"{module}.weight"] + grown)


def test_folding_twice_adds_nothing_and_another_is_refused(tmp_path: Path) -> None:
    llm = made(tmp_path, "llama")
    skill, other = loud(llm), loud(llm, seed=1)
    skill.equip(llm)
    once = losses(llm)
    skill.equip(llm)
    assert torch.equal(losses(llm), once)
    assert skill.is_in_force(llm)
    assert not other.is_in_force(llm)
    for fold in (True, False):
        with pytest.raises(RuntimeError, match="load it again"):
            other.equip(llm, fold=fold)
    with pytest.raises(RuntimeError, match="load it again"):
        llm.adaptation.remove()
    assert torch.equal(losses(llm), once)


def test_beside_one_takes_the_place_of_another(tmp_path: Path) -> None:
    llm = made(tmp_path, "llama")
    bare = losses(llm)
    found = []
    for seed in (0, 1, 0):
        loud(llm, seed).equip(llm, fold=False)
        found.append(losses(llm))
    assert torch.equal(found[0], found[2])
    assert not torch.allclose(found[0], found[1], atol=0.01)
    llm.adaptation.remove()
    assert torch.equal(losses(llm), bare)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("fold", [True, False])
def test_one_takes_its_turn_in_place_of_the_one_in_force(
    tmp_path: Path, family: tiny.Family, fold: bool
) -> None:
    llm = made(tmp_path, family)
    skill, other = loud(llm), loud(llm, seed=1)
    bare = losses(llm)
    other.equip(llm, fold=False)
    wanted, said = losses(llm), answer(llm)
    skill.equip(llm, fold=fold)
    before = losses(llm)
    with other.in_turn(llm):
        torch.testing.assert_close(losses(llm), wanted, atol=1e-3, rtol=1e-3)
        assert answer(llm).tokens == said.tokens
    assert torch.equal(losses(llm), before)
    with llm.adaptation.instead({}):
        torch.testing.assert_close(losses(llm), bare, atol=1e-3, rtol=1e-3)
    with pytest.raises(KeyError), other.in_turn(llm):
        raise KeyError
    assert torch.equal(losses(llm), before)
    assert skill.is_in_force(llm)


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
def test_quantized_weights_stay_and_it_runs_beside(tmp_path: Path, quantization: Quantization) -> None:
    llm = made(tmp_path, "llama", quantization)
    before = {name: weight.clone() for name, weight in llm.model.named_parameters()}
    bare = losses(llm)
    skill = loud(llm)
    with pytest.raises(ValueError, match="is quantized"):
        llm.adaptation.fold(_deltas(skill))
    skill.equip(llm)
    assert skill.is_in_force(llm)
    assert float((losses(llm) - bare).abs().max()) > 0.2
    assert answer(llm).log_likelihoods
    assert all(torch.equal(weight, before[name]) for name, weight in llm.model.named_parameters())
    whole = made(tmp_path / "whole", "llama")
    skill.equip(whole)
    torch.testing.assert_close(losses(llm), losses(whole), atol=0.7, rtol=0.1)


def _deltas(skill: LoraSkill) -> LoraWeights:
    names = {name.removeprefix("base_model.model.").rpartition(".lora_")[0] for name in skill.weights}
    return {
        name: (
            skill.weights[f"base_model.model.{name}.lora_A.weight"],
            skill.weights[f"base_model.model.{name}.lora_B.weight"],
        )
        for name in names
    }


@pytest.fixture(params=FAMILIES)
def own(request: pytest.FixtureRequest, tmp_path: Path) -> FrozenLLM:
    return made(tmp_path, request.param)


def gradients(llm: FrozenLLM, skill: LoraSkill, dropout: float = 0.0) -> list[Tensor]:
    learned = [tensor.clone().requires_grad_() for tensor in skill.tensors.values()]
    skill.with_tensors(learned).equip(llm, fold=False, dropout=dropout)
    torch.manual_seed(7)
    return list(torch.autograd.grad(losses(llm).sum(), learned))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_gradients_reach_every_side_and_blocks_may_be_computed_twice(own: FrozenLLM, dropout: float) -> None:
    skill = loud(own)
    kept = gradients(own, skill, dropout)
    assert all(float(gradient.abs().max()) > 0 for gradient in kept)
    own.checkpointing = True
    for gradient, expected in zip(gradients(own, skill, dropout), kept, strict=True):
        torch.testing.assert_close(gradient, expected, atol=1e-5, rtol=1e-3)


def test_nothing_is_dropped_outside_of_training(own: FrozenLLM) -> None:
    skill = loud(own)
    skill.equip(own, fold=False)
    whole = losses(own)
    skill.equip(own, fold=False, dropout=0.5)
    with torch.no_grad():
        assert torch.equal(losses(own), whole)
    one, two = losses(own), losses(own)
    assert not torch.equal(one, two)
