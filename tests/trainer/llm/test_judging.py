"""Rows that say after their answer how probable it is that it is right."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.trainer.llm.test_decoding import prompt
from tests.trainer.methods.test_methods import made
from tests.trainer.skill.test_lora_skill import RECIPE, steps
from trainer.llm import templates
from trainer.llm.batch_types import Completion, Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.skill.examples import Example, Judged
from trainer.skill.skill import skill_to_train
from trainer.skill.training import train_skill

LIMIT = 40


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> FrozenLLM:
    """An LLM that ends now and then, so that answers end at different places."""
    llm = made(tmp_path_factory.mktemp("talker"), "gpt_neox")
    head = llm.model.get_output_embeddings().weight
    with torch.no_grad():
        # What ends an answer gets the likelihood of any token, drawn at random.
        for token in llm.stop_tokens:
            head[token] = head[50 + token] * 6
    return llm


def rows(llm: FrozenLLM, count: int = 16, **more: object) -> list[Row]:
    made_of = [
        Row(
            prompt(llm, number, 3 + number % 3),
            llm.encode("Who? " * (1 + number % 2)),
            LIMIT,
            1.0,
            1.0,
            number,
        )
        for number in range(count)
    ]
    return [replace(row, **more) for row in made_of]  # type: ignore[arg-type]


def same(one: Completion, two: Completion) -> bool:
    return one.tokens == two.tokens and one.log_likelihoods == pytest.approx(two.log_likelihoods, abs=1e-4)


def test_answers_are_the_same_with_a_judgement_added(talker: FrozenLLM) -> None:
    plain, judged = decode(talker, rows(talker)), decode(talker, rows(talker, judged=True))
    lengths = {len(each.tokens) for each in judged if each.ended}
    assert len(lengths) > 2
    for one, two in zip(plain, judged, strict=True):
        assert same(one, two)
        assert one.ended == two.ended
        assert one.silence == pytest.approx(two.silence, abs=1e-5)
        assert one.right is None
        assert two.right is not None
        assert 0 < two.right < 1 if two.ended else two.right == 0


def test_a_judgement_is_what_the_llm_says_after_the_end(talker: FrozenLLM) -> None:
    asked = rows(talker, judged=True)
    verdicts = list(templates.verdicts(talker))
    checked = 0
    for row, completion in zip(asked, decode(talker, asked), strict=True):
        if not completion.ended:
            continue
        read = torch.tensor([*row.tokens, *completion.tokens, templates.end(talker)])
        assert row.prompt is not None
        embedded = torch.cat([row.prompt, talker.embed(read)])[None]
        with torch.no_grad():
            logits = talker.model(inputs_embeds=embedded).logits[0, -1].float()
        assert completion.right == pytest.approx(float(logits[verdicts].softmax(-1)[0]), abs=1e-4)
        checked += 1
    assert checked > 2


def test_a_judgement_does_not_depend_on_the_other_rows(talker: FrozenLLM) -> None:
    asked = rows(talker)
    mixed = [replace(row, judged=number % 2 == 0) for number, row in enumerate(asked)]
    seen: list[int] = []
    found = decode(talker, mixed, on_completion=lambda number, _: seen.append(number))
    assert sorted(seen) == list(range(len(mixed)))
    for row, completion in zip(mixed, found, strict=True):
        [alone] = decode(talker, [row])
        assert same(alone, completion)
        assert (completion.right is None) == (not row.judged)
        assert completion.right == (None if alone.right is None else pytest.approx(alone.right, abs=1e-4))


def test_an_answer_that_is_cut_is_not_right(talker: FrozenLLM) -> None:
    [whole, *_] = [each for each in decode(talker, rows(talker)) if each.ended and len(each.tokens) > 2]
    number = next(n for n, each in enumerate(decode(talker, rows(talker))) if each.tokens == whole.tokens)
    row, length = rows(talker, judged=True)[number], len(whole.tokens)
    [just, cut] = (decode(talker, [replace(row, max_new_tokens=most)])[0] for most in (length + 1, length))
    assert just.tokens == cut.tokens == whole.tokens
    assert (just.ended, cut.ended, cut.right) == (True, False, 0.0)
    assert 0 < (just.right or 0) < 1


def test_silence_is_judged_too(talker: FrozenLLM) -> None:
    """Nothing is an answer that has ended."""
    asked = rows(talker, 60, judged=True)
    silent = [each for each in decode(talker, asked) if not each.tokens]
    assert all(each.ended and 0 < (each.right or 0) < 1 for each in silent)
    spoken = decode(talker, [replace(row, must_speak=True) for row in asked[:8]])
    assert all(each.tokens for each in spoken)


def test_a_verdict_can_be_learned(tmp_path: Path) -> None:
    """What lessons teach is what decoding asks for: the verdict after the end of an answer."""
    llm = made(tmp_path, "gpt_neox")
    # So loud that it can be sure of a token.
    llm.head.mul_(8)
    judged = [Judged("Who kept a lamp?", "Mira", 1.0), Judged("What burned?", "the moon", 0.0)]
    example = Example(
        "Mira kept a lamp.", [("Who kept a lamp?", ["Mira"]), ("What burned?", ["the moon"])], judged=judged
    )
    recipe = RECIPE.model_copy(update={"steps": 60, "asking": 0.0, "rows": 1})
    last = steps(train_skill(llm, [example], [], recipe))[-1]
    skill = skill_to_train(llm, "lora", 4, 0).with_tensors(last.state.tensors)
    context = skill.context(llm)
    asked = [
        Row(
            None,
            [*templates.passages(llm, [example.passage]), *templates.question(llm, one.question)],
            context=context,
            judged=True,
        )
        for one in judged
    ]
    good, bad = decode(llm, asked)
    assert [llm.text(each.tokens) for each in (good, bad)] == ["Mira", "the moon"]
    assert (good.right or 0) > 0.9 > 0.1 > (bad.right or 1)
