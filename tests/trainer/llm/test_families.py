"""Every family of LLM: read, answered and learned with through one interface."""

from pathlib import Path
from typing import get_args

import pytest
import torch

from tests import tiny
from tests.learned import losses_before_and_after
from trainer.joint_training import train
from trainer.llm.batch_types import Exchange, Pack, Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.packing import pack_losses
from trainer.llm.prefill import prefill
from trainer.llm.scoring import mean_losses, row_losses
from trainer.objectives.lm import LanguageModelling
from trainer.progress import Learned
from trainer.recipe import Recipe

TEXT = "Mira kept a green lamp in the tower of Ost."
FAMILIES = get_args(tiny.Family)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FrozenLLM:
    folder = tiny.save(tmp_path_factory.mktemp(request.param) / "model", family=request.param)
    return load(str(folder), device="cpu", dtype="float32", cache_dir=folder.parent)


def prompt(llm: FrozenLLM, virtual_tokens: int = 5, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(virtual_tokens, llm.identity.hidden_size, generator=generator)


def generated(llm: FrozenLLM, tokens: list[int]) -> list[int]:
    """What transformers says to a text: an encoder's ends with its end, a decoder's answer has a start."""
    encoder = llm.model.config.is_encoder_decoder
    text = torch.tensor([[*tokens, llm.tokenizer.eos_token_id] if encoder else tokens])
    said = llm.model.generate(
        input_ids=text, attention_mask=torch.ones_like(text), max_new_tokens=20, do_sample=False
    )
    return list(said[0, 1 if encoder else len(tokens) :].tolist())


def own_losses(llm: FrozenLLM, turn: list[int], answer: list[int]) -> list[float]:
    """The losses of an answer's tokens, by the model's own forward pass."""
    with torch.no_grad():
        if llm.model.config.is_encoder_decoder:
            text = torch.tensor([[*turn, llm.tokenizer.eos_token_id]])
            logits = llm.model(input_ids=text, labels=torch.tensor([answer])).logits[0]
        else:
            logits = llm.model(input_ids=torch.tensor([[*turn, *answer]])).logits[0, len(turn) - 1 : -1]
    return torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="none").tolist()


def test_greedy_answers_are_what_transformers_generates(model: FrozenLLM) -> None:
    tokens = model.encode("Mira kept a")
    rows = [Row(None, tokens, 20), Row(prompt(model), model.encode("Who?"), 20)]
    found = decode(model, rows)[0].tokens
    expected = generated(model, tokens)
    assert found == expected[: len(found)]
    assert len(expected) == len(found) or expected[len(found)] in model.stop_tokens


def test_a_batch_answers_as_each_row_alone(model: FrozenLLM) -> None:
    [context] = prefill(model, [model.encode(TEXT)], None, [prompt(model)])
    # The first rows leave first: what is left of the batch must be theirs who stay.
    rows = [
        Row(None, model.encode("Who?"), 3),
        Row(prompt(model, 9), model.encode("Who was it?"), 2),
        Row(prompt(model, 7), model.encode(TEXT), 12, 0.9, seed=3),
        Row(None, model.encode("Where was the lamp?"), 12, context=context),
        Row(None, model.encode("Ask."), 12, beginning=model.encode("Who kept a"), must_speak=True),
        Row(prompt(model, 2, 4), model.encode("Why?"), 12, context=context, beginning=model.encode("In")),
    ]
    for row, together in zip(rows, decode(model, rows), strict=True):
        [alone] = decode(model, [row])
        assert together.tokens == alone.tokens
        assert together.log_likelihoods == pytest.approx(alone.log_likelihoods, abs=1e-4)
        assert together.silence == pytest.approx(alone.silence, abs=1e-5)


def test_answers_go_on_from_their_beginning(model: FrozenLLM) -> None:
    turn = model.encode("Ask a question.")
    [free] = decode(model, [Row(None, turn, 12, temperature=2.0, seed=2, must_speak=True)])
    first, rest = free.tokens[:2], free.tokens[2:]
    [completion] = decode(model, [Row(None, turn, 12, beginning=first)])
    losses = own_losses(model, turn, [*first, *completion.tokens])
    assert completion.log_likelihoods[: len(completion.tokens)] == pytest.approx(
        [-loss for loss in losses[2:]], abs=1e-3
    )
    assert rest or completion.tokens


def test_what_was_read_before_counts_as_if_it_were_read_now(model: FrozenLLM) -> None:
    beginning, rest = model.encode(TEXT), model.encode(" Who?")
    member = prompt(model)
    [context] = prefill(model, [beginning], None, [member])
    [longer] = prefill(model, [model.encode("Every night at nine she lit it. ") + beginning], None, [member])
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
    assert context.length == len(member) + len(beginning)


def test_what_was_read_stands_in_the_order_it_was_read(model: FrozenLLM) -> None:
    first, second, rest = (model.encode(text) for text in ("Once upon a time.", TEXT, "Who?"))
    member = prompt(model)
    [before] = prefill(model, [first])
    [context] = prefill(model, [second], before, [member])
    assert context.length == len(first) + len(member) + len(second)
    decoded = decode(
        model,
        [
            Row(None, rest, 1, context=context, must_speak=True),
            Row(member, [*second, *rest], 1, context=before, must_speak=True),
        ],
    )
    [packed] = pack_losses(model, [Pack([Exchange(rest, decoded[0].tokens)], second, before)], member[None])
    with torch.no_grad():
        parts = [model.embed(torch.tensor(first)), member, model.embed(torch.tensor([*second, *rest]))]
        if model.model.config.is_encoder_decoder:
            end = model.embed(torch.tensor([model.tokenizer.eos_token_id]))
            start = torch.tensor([[0]])
            own = model.model(inputs_embeds=torch.cat([*parts, end])[None], decoder_input_ids=start)
        else:
            own = model.model(inputs_embeds=torch.cat(parts)[None])
    expected = own.logits[0, -1].log_softmax(-1)
    silence = float(expected.exp()[sorted(model.stop_tokens)].sum())
    for each in decoded:
        assert each.silence == pytest.approx(silence, abs=1e-5)
    assert packed[0].tolist() == pytest.approx([-float(expected[decoded[0].tokens[0]])], abs=1e-4)


def test_losses_are_the_models_own_and_reach_the_prompt(model: FrozenLLM) -> None:
    turn, answer = model.encode(TEXT), model.encode("Every night at nine she lit it.")
    [[losses]] = pack_losses(model, [Pack([Exchange(turn, answer)])])
    assert losses.tolist() == pytest.approx(own_losses(model, turn, answer), abs=1e-4)
    member = prompt(model)[None].requires_grad_()
    [[losses]] = pack_losses(model, [Pack([Exchange(turn, answer)])], member)
    losses.mean().backward()
    assert member.grad is not None
    assert bool((member.grad.abs().sum(-1) > 0).all())


def test_exchanges_have_the_losses_they_have_alone(model: FrozenLLM) -> None:
    text, members = model.encode(TEXT), torch.stack([prompt(model, seed=1), prompt(model, seed=2)])
    [context] = prefill(model, [model.encode("Once upon a time.")])
    asked = [
        Exchange(model.encode(turn), model.encode(answer))
        for turn, answer in (("Who?", "Mira"), ("Who?", "Mika"), ("What was green?", "the lamp"))
    ]
    asked += [Exchange(model.encode("Who?"), [stop]) for stop in sorted(model.stop_tokens)]
    packs = [Pack(asked, text), Pack(asked[2:4], text[:4], context)]
    for row, found in enumerate(pack_losses(model, packs, members)):
        pack = packs[row]
        for exchange, losses in zip(pack.exchanges, found, strict=True):
            [[alone]] = pack_losses(model, [Pack([exchange], pack.text, pack.context)], members[row][None])
            torch.testing.assert_close(losses, alone, atol=1e-4, rtol=1e-4)


def test_rows_compare_with_a_prompt_and_without(model: FrozenLLM) -> None:
    row, members = model.encode(TEXT), prompt(model)[None]
    [bare], [prompted] = (row_losses(model, each, [row]) for each in (None, members))
    assert mean_losses(model, None, [row]) == pytest.approx([float(bare.mean())], abs=1e-5)
    compared = float(prompted[-len(bare) :].mean())
    assert mean_losses(model, members, [row]) == pytest.approx([compared], abs=1e-5)
    # A prompt predicts a causal row's first token too.
    assert len(prompted) - len(bare) == (0 if model.model.config.is_encoder_decoder else 1)


def test_joint_training_lowers_the_held_out_loss(model: FrozenLLM) -> None:
    recipe = Recipe(members=2, virtual_tokens=8, row_tokens=32, epochs=25, learning_rate=0.05, heldout=0.2)
    *_, learned = train(model, LanguageModelling(model, tiny.STORY, recipe), recipe)
    assert isinstance(learned, Learned)
    for before, after in losses_before_and_after(learned):
        assert after < before - 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_eight_bit_weights_answer_and_learn(family: tiny.Family, tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "model", hidden_size=64, family=family)
    small = load(str(folder), quantization="int8", device="cpu", dtype="float32", cache_dir=tmp_path)
    whole = load(str(folder), quantization="none", device="cpu", dtype="float32", cache_dir=tmp_path)
    assert small.footprint_bytes < whole.footprint_bytes
    row = Row(None, small.encode("Who?"), 4, must_speak=True)
    assert decode(small, [row])[0].tokens
    member = prompt(small)[None].requires_grad_()
    pack = Pack([Exchange(small.encode(TEXT), small.encode("Every night."))])
    [[losses]] = pack_losses(small, [pack], member)
    losses.mean().backward()
    assert member.grad is not None
    assert bool((member.grad.abs().sum(-1) > 0).all())
    [[exact]] = pack_losses(whole, [pack], member.detach())
    assert losses.tolist() == pytest.approx(exact.tolist(), abs=0.5)
