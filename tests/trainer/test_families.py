"""Every family of causal LLM: read, answered and learned with through one interface."""

from typing import get_args

import pytest
import torch

from tests import tiny
from trainer.context import read
from trainer.decoding import Row, decode
from trainer.frozen import FrozenLLM
from trainer.loading import load
from trainer.packing import Exchange, Pack, pack_losses

TEXT = "Mira kept a green lamp in the tower of Ost."


@pytest.fixture(scope="module", params=get_args(tiny.Family))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FrozenLLM:
    folder = tiny.save(tmp_path_factory.mktemp(request.param) / "model", family=request.param)
    return load(str(folder), device="cpu", dtype="float32", cache_dir=folder.parent)


def prompt(llm: FrozenLLM, virtual_tokens: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(virtual_tokens, llm.identity.hidden_size, generator=generator)


def test_greedy_answers_are_what_transformers_generates(model: FrozenLLM) -> None:
    tokens = model.encode("Mira kept a")
    rows = [Row(None, tokens, 20), Row(prompt(model), model.encode("Who?"), 20)]
    found = decode(model, rows)[0].tokens
    generated = model.model.generate(
        input_ids=torch.tensor([tokens]),
        attention_mask=torch.ones(1, len(tokens)),
        max_new_tokens=20,
        do_sample=False,
    )[0, len(tokens) :].tolist()
    assert found == generated[: len(found)]
    assert len(generated) == len(found) or generated[len(found)] in model.stop_tokens


def test_what_was_read_before_counts_as_if_it_were_read_now(model: FrozenLLM) -> None:
    beginning, rest = model.encode(TEXT), model.encode(" Who?")
    member = prompt(model)
    [context] = read(model, [beginning], None, [member])
    [longer] = read(model, [model.encode("Every night at nine she lit it. ") + beginning], None, [member])
    apart, beside, whole = decode(
        model,
        [
            Row(None, rest, 12, context=context),
            Row(None, rest, 12, context=longer),
            Row(member, [*beginning, *rest], 12),
        ],
    )
    assert apart.tokens == whole.tokens
    assert apart.log_likelihoods == pytest.approx(whole.log_likelihoods, abs=1e-4)
    assert beside.log_likelihoods != pytest.approx(whole.log_likelihoods, abs=1e-4)


def test_losses_are_the_models_own_and_reach_the_prompt(model: FrozenLLM) -> None:
    tokens = model.encode(TEXT)
    with torch.no_grad():
        logits = model.model(input_ids=torch.tensor([tokens])).logits[0].float().log_softmax(-1)
    expected = [-float(logits[place, token]) for place, token in enumerate(tokens[1:])]
    [[losses]] = pack_losses(model, [Pack([Exchange(tokens[:1], tokens[1:])])])
    assert losses.tolist() == pytest.approx(expected, abs=1e-4)
    member = prompt(model)[None].requires_grad_()
    [[behind]] = pack_losses(model, [Pack([Exchange(tokens[:1], tokens[1:])])], member)
    behind.mean().backward()
    assert member.grad is not None
    assert bool((member.grad.abs().sum(-1) > 0).all())
