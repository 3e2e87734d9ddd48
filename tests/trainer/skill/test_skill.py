import dataclasses
import random
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from tests.learned import answer_losses
from tests.tiny import STORY
from trainer.llm.batch_types import Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.tensors import FormatError
from trainer.skill.examples import Example, batch_examples, pack_example
from trainer.skill.optimisation import SkillLoss, SkillState, SkillStep
from trainer.skill.recipe import SkillRecipe, StartsRecipe
from trainer.skill.skill import PrefixSkill, initial_skill, skill_from_bytes
from trainer.skill.training import train_skill, train_starts

EXAMPLES = [
    Example(
        "Mira kept a green lamp in the tower of Ost. Every night at nine she lit it with a match.",
        [("Who kept a lamp?", ["Mira"]), ("When did she light it?", ["at nine", "at night"])],
        ["Who sold butter?"],
    ),
    Example("The baker sold butter.", [("Who sold butter?", ["the baker"])], ["Who kept a lamp?"]),
]
RECIPE = SkillRecipe(steps=32, warmup=2, decay_from=16, learning_rate=0.5, evaluate_every=16)


def test_a_skill_learns_to_answer_and_to_be_silent(llm: FrozenLLM) -> None:
    distracted = [
        dataclasses.replace(example, unanswerable=["Who?", "What burned?", "Where did the frog sit?"])
        for example in EXAMPLES
    ]
    losses = [
        each for each in train_skill(llm, distracted, distracted, RECIPE) if isinstance(each, SkillLoss)
    ]
    assert [each.step for each in losses] == [0, 16, 32]
    answers = answer_losses(losses)
    assert answers[-1] < answers[0] - 0.3
    silences = [each.silence_loss or 0 for each in losses]
    assert 0 < silences[-1] < silences[0]


def test_training_goes_on_where_it_was_stopped(llm: FrozenLLM) -> None:
    whole = _last(train_skill(llm, EXAMPLES, [], RECIPE))
    stopped = None
    for happened in train_skill(llm, EXAMPLES, [], RECIPE):
        if isinstance(happened, SkillStep) and happened.step == 5:
            stopped = dataclasses.replace(
                happened.state, tensors=[tensor.detach().clone() for tensor in happened.state.tensors]
            )
            break
    assert stopped is not None
    again = _last(train_skill(llm, EXAMPLES, [], RECIPE, stopped))
    torch.testing.assert_close(again.tensors[0], whole.tensors[0], atol=1e-5, rtol=1e-4)


def test_the_llm_is_untouched(llm: FrozenLLM) -> None:
    before = [parameter.clone() for parameter in llm.model.parameters()]
    _last(train_skill(llm, EXAMPLES, [], RECIPE.model_copy(update={"steps": 2})))
    assert all(torch.equal(*pair) for pair in zip(before, llm.model.parameters(), strict=True))


def test_without_an_answered_question_there_is_nothing_to_learn(llm: FrozenLLM) -> None:
    with pytest.raises(ValueError, match="no passage with a question"):
        next(train_skill(llm, [Example("Nothing.", [])], [], RECIPE))


def test_a_saved_skill_answers_as_it_did(llm: FrozenLLM, tmp_path: Path) -> None:
    exact = initial_skill(llm)
    skill = exact.with_tensors([tensor.bfloat16().float() for tensor in exact.tensors.values()])
    file = tmp_path / "skill.safetensors"
    file.write_bytes(skill.to_bytes({"licence": "Apache-2.0"}))
    kept = skill_from_bytes(file.read_bytes())
    with safe_open(file, framework="pt") as opened:
        assert opened.metadata()["licence"] == "Apache-2.0"
    rows = [Row(None, llm.encode(STORY[:60]), 8, context=each.context(llm)) for each in (skill, kept)]
    first, second = decode(llm, rows)
    assert first.tokens == second.tokens
    assert first.log_likelihoods == pytest.approx(second.log_likelihoods)


def test_other_bytes_are_no_skill(llm: FrozenLLM) -> None:
    with pytest.raises(FormatError, match="safetensors"):
        skill_from_bytes(b"nonsense")
    broken = PrefixSkill(torch.full((2, 2, 3, 8), float("nan")), torch.zeros(2, 2, 3, 8))
    with pytest.raises(FormatError, match="finite"):
        skill_from_bytes(broken.to_bytes())
    with pytest.raises(FormatError, match="no prefix"):
        skill_from_bytes(PrefixSkill(torch.zeros(2, 2, 3), torch.zeros(2, 2, 3)).to_bytes())
    prefix = torch.zeros(2, 2, 3, 8)
    with pytest.raises(FormatError, match="no soft prompts"):
        skill_from_bytes(PrefixSkill(prefix, prefix, starts=torch.zeros(4, 32)).to_bytes())
    with pytest.raises(FormatError, match="finite"):
        skill_from_bytes(PrefixSkill(prefix, prefix, starts=torch.full((2, 4, 32), float("inf"))).to_bytes())


def test_a_lesson_holds_answers_silence_and_what_to_ask(llm: FrozenLLM) -> None:
    found = pack_example(llm, EXAMPLES[0], random.Random(0))
    answers = [llm.text(list(exchange.answer)) for exchange in found.exchanges]
    assert sorted(answers[:2])[0] == "Mira"
    assert answers[2] == ""
    assert answers[3] in {"Who kept a lamp?", "When did she light it?"}
    assert found.exchanges[3].weight < 1


def test_another_piece_of_the_book_stands_in_front_where_wanted(llm: FrozenLLM) -> None:
    example = dataclasses.replace(EXAMPLES[1], beside=["The frog sat in a well."])
    alone, beside = (pack_example(llm, example, random.Random(0), beside=share) for share in (0.0, 1.0))
    front = llm.encode("The frog sat in a well.")
    assert list(beside.text[: len(front)]) == front
    assert list(beside.text[-len(alone.text) :]) == list(alone.text)


def test_batches_hold_every_example_once_and_about_one_length(llm: FrozenLLM) -> None:
    examples = [Example("word " * length, [("Who?", ["Mira"])]) for length in range(1, 41)]
    found = batch_examples(examples, 4, random.Random(0))
    assert [len(batch) for batch in found] == [4] * 10
    assert sorted(example.size for batch in found for example in batch) == sorted(
        each.size for each in examples
    )
    for batch in found:
        sizes = [example.size for example in batch]
        assert max(sizes) - min(sizes) == 3 * 5
    assert found != batch_examples(examples, 4, random.Random(1))


def test_a_skill_goes_on_from_another(llm: FrozenLLM) -> None:
    first = PrefixSkill(*_last(train_skill(llm, EXAMPLES, [], RECIPE)).tensors)
    slow = RECIPE.model_copy(update={"steps": 1, "learning_rate": 1e-6})
    second = _last(train_skill(llm, EXAMPLES, [], slow, start=first)).tensors
    torch.testing.assert_close(second[0], first.keys, atol=1e-4, rtol=1e-4)


def test_starts_learn_together_behind_a_skill_that_stays(llm: FrozenLLM) -> None:
    skill = initial_skill(llm)
    before = [tensor.clone() for tensor in skill.tensors.values()]
    # A tiny LLM hardly minds a few virtual tokens.
    recipe = StartsRecipe(
        members=3, virtual_tokens=64, steps=40, learning_rate=0.5, evaluate_every=40, asking=0
    )
    example = Example("The baker sold butter.", [("Who sold butter?", ["the baker"])])
    happened = list(train_starts(llm, skill, [example], [example], recipe))
    losses = answer_losses(happened)
    assert losses[-1] < losses[0] - 0.3
    [starts] = _last(happened).tensors
    assert starts.shape == (3, 64, 32)
    assert all(not torch.allclose(starts[0], other, atol=0.01) for other in starts[1:])
    assert all(torch.equal(*pair) for pair in zip(skill.tensors.values(), before, strict=True))
    kept = skill_from_bytes(dataclasses.replace(skill, starts=starts).to_bytes())
    assert kept.starts is not None
    torch.testing.assert_close(kept.starts, starts.detach(), atol=0.01, rtol=0.01)


def test_starts_go_on_where_they_were_stopped(llm: FrozenLLM) -> None:
    skill = PrefixSkill(
        *_last(train_skill(llm, EXAMPLES, [], RECIPE.model_copy(update={"steps": 2}))).tensors
    )
    recipe = StartsRecipe(members=2, virtual_tokens=4, steps=6)
    whole = _last(train_starts(llm, skill, EXAMPLES, [], recipe)).tensors[0]
    for happened in train_starts(llm, skill, EXAMPLES, [], recipe):
        if isinstance(happened, SkillStep) and happened.step == 3:
            stopped = SkillState(
                [happened.state.tensors[0].detach().clone()], happened.state.optimiser, happened.step
            )
            break
    again = _last(train_starts(llm, skill, EXAMPLES, [], recipe, stopped)).tensors[0]
    torch.testing.assert_close(again, whole, atol=1e-5, rtol=1e-4)


def _last(progress: object) -> SkillState:
    steps = [each for each in progress if isinstance(each, SkillStep)]  # type: ignore[attr-defined]
    return steps[-1].state
