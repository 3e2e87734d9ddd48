"""What is an encoder-decoder's own: control tokens that are words, a scaled head, the half of a row read."""

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import (
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    UMT5Config,
    UMT5ForConditionalGeneration,
)

from tests import tiny
from tests.learned import answer_losses
from trainer.joint_training import train
from trainer.llm import templates
from trainer.llm.availability import ModelUnavailableError
from trainer.llm.batch_types import Exchange, Pack, Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.mixture import Mixture, Part
from trainer.llm.packing import pack_losses
from trainer.llm.pause import Pause
from trainer.llm.prefill import prefill
from trainer.llm.scoring import mean_losses, row_losses
from trainer.llm.seq2seq import Seq2SeqLLM
from trainer.methods.prompt import Prompts, blank_prompts
from trainer.objectives.question_synthesis import passes_filters, synthesise
from trainer.objectives.self_study import SelfStudy, StudyMaterial
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Learned
from trainer.recipe import Recipe
from trainer.skill.examples import Example
from trainer.skill.optimisation import SkillStep
from trainer.skill.recipe import SkillRecipe
from trainer.skill.skill import PrefixSkill, PromptSkill, SkillMismatchError, initial_skill, skill_from_bytes
from trainer.skill.training import train_skill

PASSAGES = ["Mira kept a green lamp in the tower of Ost.", "The baker sold butter to Mira."]


@pytest.fixture(scope="module", params=["t5", "flan_t5"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FrozenLLM:
    folder = tiny.save(tmp_path_factory.mktemp(request.param) / "model", family=request.param)
    return load(str(folder), device="cpu", dtype="float32", cache_dir=folder.parent)


def prompt(llm: FrozenLLM, seed: int = 1, virtual_tokens: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(virtual_tokens, llm.identity.hidden_size, generator=generator)


def test_text_never_becomes_control_tokens(model: FrozenLLM) -> None:
    control = set(model.tokenizer.all_special_ids)
    text = "He said </s> and <extra_id_0> or <pad> to <unk>."
    # As the library has it they would: its vocabulary holds them as words.
    spelled = model.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert control & set(spelled)
    assert not control & set(model.encode(text))
    assert model.text(model.encode(text)) == text
    assert not control & set(model.instruct("Answer.", text))
    plain = "Mira kept a green lamp."
    assert model.encode(plain) == model.tokenizer(plain, add_special_tokens=False)["input_ids"]
    assert set(model.encode("日本")) <= {model.encode(" .")[0], model.tokenizer.unk_token_id}


def test_a_head_that_is_the_embeddings_is_scaled(model: FrozenLLM) -> None:
    assert isinstance(model, Seq2SeqLLM)
    tied = torch.equal(model.head, model.model.get_input_embeddings().weight)
    assert tied != ("flan" in model.identity.id)
    assert model.scale == pytest.approx(32**-0.5 if tied else 1.0)
    tokens = model.encode("Who?")
    found = model.start_decoding([Row(None, tokens)], 1).step(None)[0] @ model.head.T
    torch.testing.assert_close(found, model.logits(tokens), atol=1e-4, rtol=1e-4)


def test_logits_of_another_kind_are_refused(tmp_path: Path, model: FrozenLLM) -> None:
    AutoTokenizer.from_pretrained(model.identity.id).save_pretrained(tmp_path)
    same: dict[str, Any] = {"vocab_size": 161, "d_model": 32, "num_layers": 1}
    config = UMT5Config(**same, d_kv=8, d_ff=64, num_heads=4, decoder_start_token_id=0)
    UMT5ForConditionalGeneration(config).save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailableError, match="UMT5ForConditionalGeneration"):
        load(str(tmp_path), device="cpu", cache_dir=tmp_path)


def test_absolute_positions_are_refused(tmp_path: Path, model: FrozenLLM) -> None:
    AutoTokenizer.from_pretrained(model.identity.id).save_pretrained(tmp_path)
    config = BartConfig(vocab_size=161, d_model=32, encoder_layers=1, decoder_layers=1)
    BartForConditionalGeneration(config).save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailableError, match=r"another kind than T5 \(bart\)"):
        load(str(tmp_path), device="cpu", cache_dir=tmp_path)


@pytest.mark.parametrize(("limit", "expected"), [(300, 300), (None, 512)])
def test_without_positions_the_context_is_the_tokenizers(
    tmp_path: Path, limit: int | None, expected: int
) -> None:
    folder = tiny.save(tmp_path / "model", family="t5")
    for name, changes in (
        ("config", {"n_positions": None}),
        ("tokenizer_config", {"model_max_length": limit}),
    ):
        file = folder / f"{name}.json"
        settings = json.loads(file.read_text()) | changes
        file.write_text(json.dumps({name: it for name, it in settings.items() if it is not None}))
    assert load(str(folder), device="cpu", cache_dir=tmp_path).context_tokens == expected


def test_the_second_half_of_a_row_is_predicted_from_the_first(model: FrozenLLM) -> None:
    rows = [model.encode(text) for text in PASSAGES]
    assert len(rows[0]) != len(rows[1])
    for row, losses in zip(rows, row_losses(model, None, rows), strict=True):
        half = len(row) // 2
        with torch.no_grad():
            text = torch.tensor([[*row[:half], model.tokenizer.eos_token_id]])
            expected = model.model(input_ids=text, labels=torch.tensor([row[half:]])).loss
        assert len(losses) == len(row) - half
        torch.testing.assert_close(losses.mean(), expected)
    # With and without prompts, means are over the same tokens.
    members = torch.stack([prompt(model), prompt(model)])
    [context] = prefill(model, [model.encode("Once upon a time.")])
    for row, mean in zip(rows, mean_losses(model, members, rows, context), strict=True):
        half = len(row) // 2
        pack = Pack([Exchange(row[:half], row[half:])], context=context)
        [[expected]] = pack_losses(model, [pack], members[:1])
        assert mean == pytest.approx(float(expected.mean()), abs=1e-5)


def test_every_exchange_costs_all_that_stands_before_it(model: FrozenLLM, llm: FrozenLLM) -> None:
    exchanges = [Exchange([7, 8], [9]), Exchange([7], [9, 9, 9])]
    [context] = prefill(model, [[5] * 10])
    assert model.positions(Pack(exchanges, [6] * 20, context), 4) == 2 * (10 + 4 + 20) + 3 + 4
    assert llm.positions(Pack(exchanges, [6] * 20), 4) == 4 + 20 + 3 + 4


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # PEFT's own
def test_losses_after_a_prompt_are_those_peft_trains_on(model: FrozenLLM) -> None:
    config = peft.PromptTuningConfig(
        task_type=peft.TaskType.SEQ_2_SEQ_LM, num_virtual_tokens=5, num_transformer_submodules=1
    )
    turn, answer = model.encode("Who kept a lamp?"), model.encode("Mira")
    [[ours]] = pack_losses(model, [Pack([Exchange(turn, answer)])], prompt(model)[None])
    tuned: Any = peft.get_peft_model(model.model, config)
    with torch.no_grad():
        tuned.prompt_encoder["default"].embedding.weight.copy_(prompt(model))
        text = torch.tensor([[*turn, model.tokenizer.eos_token_id]])
        theirs = tuned(
            input_ids=text, attention_mask=torch.ones_like(text), labels=torch.tensor([answer])
        ).loss
    torch.testing.assert_close(ours.mean(), theirs)


def test_silence_is_as_likely_as_all_tokens_that_end_an_answer(model: FrozenLLM) -> None:
    tokens = model.encode("Who?")
    with torch.no_grad():
        first = model.model(
            input_ids=torch.tensor([[*tokens, model.tokenizer.eos_token_id]]),
            decoder_input_ids=torch.tensor([[0]]),
        ).logits[0, 0]
    expected = float(first.softmax(-1)[sorted(model.stop_tokens)].sum())
    rows = [Row(None, tokens, 4, temperature=9.0, seed=seed, must_speak=True) for seed in range(16)]
    for spoken in decode(model, rows):
        assert spoken.silence == pytest.approx(expected, abs=1e-6)
        assert spoken.tokens
        assert not set(spoken.tokens) & model.stop_tokens


def test_a_row_that_nobody_wants_leaves_and_the_others_stay(model: FrozenLLM) -> None:
    rows = [Row(prompt(model, number, 3 + number), model.encode("Who?"), 12) for number in range(4)]
    left = decode(model, rows, is_wanted=lambda number: number > 1)
    whole = decode(model, rows)
    assert [each.tokens for each in left[2:]] == [each.tokens for each in whole[2:]]
    assert [each.tokens for each in left[:2]] == [each.tokens[:1] for each in whole[:2]]


def test_a_mixture_says_what_its_rows_say_on_average(model: FrozenLLM) -> None:
    tokens, mixture, shares = model.encode("Who?"), Mixture(), (0.5, 0.3, 0.2)
    rows = [
        Row(prompt(model, number), tokens, 5, part=Part(mixture, share))
        for number, share in enumerate(shares)
    ]
    mixed = decode(model, rows)
    said: list[int] = []
    weights = torch.tensor(shares).log()
    for _ in range(5):
        steps = []
        for row in rows:
            assert row.prompt is not None
            text = model.embed(torch.tensor([*tokens, model.tokenizer.eos_token_id]))
            with torch.no_grad():
                logits = model.model(
                    inputs_embeds=torch.cat([row.prompt, text])[None],
                    decoder_input_ids=torch.tensor([[0, *said]]),
                ).logits
            steps.append(logits[0, -1].log_softmax(-1))
        each = torch.stack(steps)
        token = int(torch.logsumexp(each + weights.log_softmax(0)[:, None], 0).argmax())
        weights = weights + each[:, token]
        if token in model.stop_tokens:
            break
        said.append(token)
    assert [completion.tokens for completion in mixed] == [said] * 3


@pytest.mark.parametrize("closed", [0.0, 1.0])
def test_members_learn_from_questions_after_a_soft_prompt_skill(model: FrozenLLM, closed: float) -> None:
    items = [
        StudyQuestion(0, "who", "Who kept a green lamp?", "Mira", -0.1),
        StudyQuestion(1, "what", "What was sold?", "butter", -0.1),
    ]
    skill = initial_skill(model).context(model)
    recipe = Recipe(members=2, virtual_tokens=6, epochs=40, learning_rate=0.3, heldout=0.0, closed=closed)
    study = SelfStudy(model, StudyMaterial(model.encode(tiny.STORY), items, skill, PASSAGES), recipe)
    *_, learned = train(model, study, recipe, start=Prompts(blank_prompts(model, 2, 6, seed=0)))
    assert isinstance(learned, Learned)
    for member in range(2):
        first, last = ([step[member] for step in part] for part in (learned.curve[:4], learned.curve[-4:]))
        assert sum(last) < sum(first) - 0.1


def test_questions_are_written_after_a_soft_prompt_skill(model: FrozenLLM) -> None:
    skill = initial_skill(model).context(model)
    happened = list(synthesise(model, list(enumerate(PASSAGES)), skill, temperature=1.0, seed=3))
    # What is written of each passage comes last.
    assert set(happened[: -len(PASSAGES)]) == {Pause()}
    for found in happened[-len(PASSAGES) :]:
        assert isinstance(found, list)
        assert all(passes_filters(item.question, item.answer, PASSAGES[item.passage]) for item in found)


def test_a_skill_is_learned_kept_and_read_as_a_soft_prompt(model: FrozenLLM) -> None:
    lesson = Example(PASSAGES[1], [("Who sold butter?", ["the baker"])], ["Who kept a lamp?"])
    recipe = SkillRecipe(method="prompt", steps=20, warmup=2, learning_rate=0.1, evaluate_every=20, asking=0)
    happened = list(train_skill(model, [lesson], [lesson], recipe))
    losses = answer_losses(happened)
    assert losses[-1] < losses[0] - 0.3
    last = next(each for each in reversed(happened) if isinstance(each, SkillStep))
    skill = initial_skill(model).with_tensors([tensor.bfloat16().float() for tensor in last.state.tensors])
    kept = skill_from_bytes(skill.to_bytes())
    assert isinstance(kept, PromptSkill)
    asked = [*templates.passages(model, PASSAGES), *templates.question(model, "Who?")]
    first, second, without = decode(
        model,
        [
            *(Row(None, asked, 8, context=each.context(model)) for each in (skill, kept)),
            Row(None, asked, 8),
        ],
    )
    assert first.log_likelihoods == pytest.approx(second.log_likelihoods, abs=1e-5)
    assert first.log_likelihoods != pytest.approx(without.log_likelihoods, abs=1e-2)


def test_keys_and_values_cannot_stand_before_an_encoder(model: FrozenLLM, llm: FrozenLLM) -> None:
    with pytest.raises(SkillMismatchError, match="must be a soft prompt"):
        initial_skill(llm).context(model)
    with pytest.raises(SkillMismatchError, match="does not fit"):
        PromptSkill(torch.zeros(3, 64)).context(model)
    assert isinstance(initial_skill(llm), PrefixSkill)
    [context] = prefill(llm, [llm.encode("Who?")])
    with pytest.raises(TypeError, match="expected Embeddings, got KeysAndValues"):
        decode(model, [Row(None, model.encode("Who?"), 3, context=context)])
    # The other way round nothing is lost: a causal LLM reads a soft prompt as it reads any.
    [read_as] = prefill(llm, [[]], None, [prompt(llm)])
    rows = [
        Row(None, llm.encode("Who?"), 6, context=each)
        for each in (read_as, PromptSkill(prompt(llm)).context(llm))
    ]
    first, second = decode(llm, rows)
    assert first.log_likelihoods == pytest.approx(second.log_likelihoods, abs=1e-5)
