import pytest
import torch

from trainer.baseline.peft_loop import peft_loop
from trainer.baseline.random_weights import random_llm
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.scoring import row_losses

TEXT = "Mira kept a green lamp."


@pytest.fixture(params=["tiny", "tiny-t5"])
def random(request: pytest.FixtureRequest) -> FrozenLLM:
    llm = random_llm(request.param, quantization="none", device="cpu", dtype="float32")
    # With T5's dropout no two losses are the same.
    for module in llm.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        elif isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0
    return llm


def test_prompt_tuning_has_the_losses_of_members_here(random: FrozenLLM) -> None:
    row = random.encode(TEXT)
    with peft_loop(random, "prompt", 4) as model:
        [prompt] = [each.detach().clone() for each in model.learned]
        [loss] = model.learn([[row]])
    [ours] = row_losses(random, prompt[None], [row])
    assert loss == pytest.approx(float(ours.mean()), abs=1e-5)


@pytest.mark.parametrize("method", ["prompt", "lora"])
def test_adapters_learn_and_leave_the_llm_as_it_was(random: FrozenLLM, method: str) -> None:
    row = random.encode(TEXT)
    before = random.logits(row)
    layers = [type(module) for module in random.model.modules()]
    with peft_loop(random, method, 4) as model:
        losses = list(model.learn([[row]] * 30))
        model.add(3)
        for number in range(3):
            model.answer(number, row, 5)
    assert losses[-1] < losses[0]
    assert torch.equal(random.logits(row), before)
    assert [type(module) for module in random.model.modules()] == layers
    assert not any(each.requires_grad for each in random.model.parameters())


def test_what_is_prepared_computes_in_float32_and_keeps_less() -> None:
    llm = random_llm("tiny", quantization="int8", arithmetic="bitsandbytes", device="cpu", dtype="bfloat16")
    row = llm.encode(TEXT)
    with peft_loop(llm, "prompt", 4, prepared=True) as model:
        assert list(model.learn([[row]]))
    assert llm.head.dtype == torch.float32
    assert any(getattr(module, "gradient_checkpointing", False) for module in llm.model.modules())
