"""A skill that is a LoRA, alone and with members, for plain PEFT."""

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from tests import tiny
from tests.tiny import STORY, Family
from tests.trainer.methods.test_peft_adapters import elsewhere, member, save
from trainer.llm import templates
from trainer.llm.batch_types import Exchange, Pack
from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.packing import pack_losses
from trainer.llm.seq2seq import Seq2SeqLLM
from trainer.methods.lora import joined_loras, lora_name
from trainer.methods.peft_adapters import adapter_with_skill, lora_adapter, member_from_adapter
from trainer.methods.tensors import FormatError
from trainer.skill.skill import LoraSkill, skill_to_train


def lora_skill(llm: FrozenLLM) -> LoraSkill:
    """A skill that is far from doing nothing, of another rank than the members."""
    start = skill_to_train(llm, "lora", 2, 0)
    assert isinstance(start, LoraSkill)
    generator = torch.Generator().manual_seed(1)
    return start.with_tensors(
        [tensor + 0.15 * torch.randn(tensor.shape, generator=generator) for tensor in start.tensors.values()]
    )


def loss(llm: FrozenLLM, context: Context, turn: list[int], answer: list[int]) -> float:
    [[losses]] = pack_losses(llm, [Pack([Exchange(turn, answer)], context=context)])
    return float(losses.mean())


@pytest.mark.parametrize("family", ["llama", "opt", "gpt_neox", "t5", "flan_t5"])
def test_peft_elsewhere_gives_the_same_losses_behind_a_lora(tmp_path: Path, family: Family) -> None:
    base = str(tiny.save(tmp_path / "model", family=family))
    llm = load(base, device="cpu", dtype="float32", cache_dir=tmp_path)
    skill = lora_skill(llm)
    turn, answer = llm.encode(STORY[:200] + "Who kept a lamp?"), llm.encode(" Mira")
    bare = loss(llm, llm.empty_context(), turn, answer)
    skill.equip(llm)
    context = skill.context(llm)
    start = templates.turn_start(llm)
    end = [llm.end] if isinstance(llm, Seq2SeqLLM) else []

    deltas = skill.tensors
    alone = save(tmp_path / "skill", lora_adapter(deltas, llm.identity, llm))
    lora, prompt = member(llm, "lora"), member(llm, "prompt")
    both = [adapter_with_skill(llm, context, one, deltas) for one in (lora, prompt)]
    assert both[0] is not None
    assert [both[0].config[name] for name in ("r", "lora_alpha")] == [5, 10]
    joined, kept = (save(tmp_path / f"both-{place}", each) for place, each in enumerate(both) if each)

    # The whole text is read with the adapter.
    there = elsewhere(base, [alone, joined], [*start, *turn, *end], answer)
    here = [
        loss(llm, llm.empty_context(), [*start, *turn], answer),
        loss(llm, lora.contexts(llm, llm.empty_context())[0], [*start, *turn], answer),
    ]
    there += elsewhere(base, [kept], [*turn, *end], answer, merged=(alone,))
    here.append(loss(llm, prompt.contexts(llm, context)[0], turn, answer))
    assert [found for found, _ in there] == pytest.approx(here, abs=1e-3)
    assert len({round(each, 3) for each in [bare, *here]}) == 4


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # PEFT's own
def test_a_turn_that_begins_with_the_skill_alone_is_the_services(tiny_folder: Path, tmp_path: Path) -> None:
    llm = load(str(tiny_folder), device="cpu", dtype="float32", cache_dir=tmp_path)
    skill, lora = lora_skill(llm), member(llm, "lora")
    skill.equip(llm)
    context = skill.context(llm)
    both = adapter_with_skill(llm, context, lora, skill.tensors)
    assert both is not None
    turn, answer = llm.encode("Who kept a lamp?"), llm.encode(" Mira")
    bare: Any = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32)
    alone = save(tmp_path / "skill", lora_adapter(skill.tensors, llm.identity, llm))
    model = peft.PeftModel.from_pretrained(bare, alone, adapter_name="skill").eval()
    model.load_adapter(save(tmp_path / "both", both), adapter_name="both")
    with torch.no_grad():
        read = model(input_ids=torch.tensor([templates.turn_start(llm)])).past_key_values
        model.set_adapter("both")
        logits = model(input_ids=torch.tensor([[*turn, *answer]]), past_key_values=read).logits[0]
    theirs = torch.nn.functional.cross_entropy(logits[len(turn) - 1 : -1], torch.tensor(answer))
    here = loss(llm, lora.contexts(llm, context)[0], turn, answer)
    assert here == pytest.approx(float(theirs), abs=1e-3)


def test_two_loras_are_one_of_both_ranks() -> None:
    def made(modules: str, rank: int) -> dict[str, Tensor]:
        sides = {"A": (rank, 5), "B": (4, rank)}
        return {lora_name(one, side): torch.randn(shape) for one in modules for side, shape in sides.items()}

    first, second = made("qk", 2), made("qv", 3)
    joined = joined_loras(first, second)
    for module in "qkv":
        down, up = lora_name(module, "A"), lora_name(module, "B")
        assert (joined[down].shape, joined[up].shape) == ((5, 5), (4, 5))
        product = sum(each[up] @ each[down] for each in (first, second) if up in each)
        torch.testing.assert_close(joined[up] @ joined[down], product)
    with pytest.raises(FormatError, match="no weight of LoRA"):
        joined_loras(first, {})


def test_a_skill_is_no_member(llm: FrozenLLM) -> None:
    adapter = lora_adapter(lora_skill(llm).tensors, llm.identity, llm)
    assert json.loads(json.dumps(adapter.config))["target_modules"]
    with pytest.raises(FormatError, match="cannot change"):
        member_from_adapter(adapter, llm)
