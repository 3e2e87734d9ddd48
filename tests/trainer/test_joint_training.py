from collections.abc import Iterator
from typing import Any

import peft
import pytest
import torch

from tests.learned import embeddings, losses_before_and_after
from tests.tiny import STORY
from trainer.joint_training import train
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches
from trainer.llm.pause import Pause
from trainer.llm.scoring import mean_losses, row_losses
from trainer.methods.members import Members
from trainer.methods.prompt import Prompts, initial_prompts, prompt_from_bytes, prompt_to_bytes
from trainer.methods.tensors import FormatError
from trainer.objectives.lm import LanguageModelling
from trainer.objectives.text_rows import split_text
from trainer.progress import DivergedError, Evaluated, Learned, Progress, Stepped
from trainer.recipe import Recipe

RECIPE = Recipe(members=3, virtual_tokens=6, row_tokens=32, epochs=20, learning_rate=0.05, heldout=0.2)


def on_text(
    llm: FrozenLLM,
    text: str = STORY,
    recipe: Recipe = RECIPE,
    *,
    start: Members | None = None,
    frozen: Members | None = None,
    rivals: int = 0,
    pass_tokens: int = 8192,
) -> Iterator[Progress]:
    objective = LanguageModelling(llm, text, recipe, microbatches=Microbatches(llm.device, pass_tokens))
    return train(llm, objective, recipe, start=start, frozen=frozen, rivals=rivals)


def learn(llm: FrozenLLM, recipe: Recipe = RECIPE, pass_tokens: int = 8192) -> Learned:
    *_, learned = on_text(llm, recipe=recipe, pass_tokens=pass_tokens)
    assert isinstance(learned, Learned)
    return learned


@pytest.fixture(scope="module")
def learned(llm: FrozenLLM) -> Learned:
    return learn(llm)


def test_every_member_learns_the_book(learned: Learned) -> None:
    assert embeddings(learned.members).shape == (3, 6, 32)
    for before, after in losses_before_and_after(learned):
        assert after < before


def test_members_differ(learned: Learned) -> None:
    distances = torch.pdist(embeddings(learned.members).flatten(1))
    assert float(distances.min()) > 0.1


def test_the_llm_is_untouched(llm: FrozenLLM) -> None:
    before = [parameter.clone() for parameter in llm.model.parameters()]
    learn(llm, RECIPE.model_copy(update={"epochs": 1.0}))
    for old, new in zip(before, llm.model.parameters(), strict=True):
        assert torch.equal(old, new)
        assert new.grad is None


def test_the_same_seed_learns_the_same_prompts(llm: FrozenLLM, learned: Learned) -> None:
    assert torch.equal(embeddings(learn(llm).members), embeddings(learned.members))
    other = learn(llm, RECIPE.model_copy(update={"seed": 7}))
    assert not torch.equal(embeddings(other.members), embeddings(learned.members))


def test_several_passes_come_to_the_same_prompts(llm: FrozenLLM, learned: Learned) -> None:
    apart = learn(llm, pass_tokens=1)
    torch.testing.assert_close(embeddings(apart.members), embeddings(learned.members), atol=1e-3, rtol=1e-3)


def test_joint_training_equals_training_each_member_alone(llm: FrozenLLM, learned: Learned) -> None:
    reading = split_text(llm.encode(STORY), RECIPE.row_tokens, RECIPE.heldout)
    starts = initial_prompts(llm, reading.text, RECIPE)
    for member in range(3):
        recipe = RECIPE.model_copy(update={"members": 1, "seed": member})
        *_, alone = on_text(llm, recipe=recipe, start=Prompts(starts[[member]]))
        assert isinstance(alone, Learned)
        together = [losses[member] for losses in learned.curve]
        assert [losses[0] for losses in alone.curve] == pytest.approx(together, abs=1e-3)


def test_training_goes_on_from_where_it_was(llm: FrozenLLM, learned: Learned) -> None:
    *_, further = on_text(llm, start=learned.members)
    assert isinstance(further, Learned)
    assert further.before.member_losses == pytest.approx(learned.after.member_losses, rel=1e-5)
    with pytest.raises(ValueError, match="expected 3 members of 6 virtual tokens"):
        list(on_text(llm, start=learned.members[:2]))


def test_what_is_appended_to_stays_as_it_is_to_the_bit(llm: FrozenLLM, learned: Learned) -> None:
    recipe = RECIPE.model_copy(update={"virtual_tokens": 4, "max_grad_norm": 0.1})
    start = initial_prompts(llm, llm.encode(STORY), recipe)
    *_, longer = on_text(llm, recipe=recipe, start=Prompts(start), frozen=learned.members)
    assert isinstance(longer, Learned)
    assert embeddings(longer.members).shape == (3, 10, 32)
    assert torch.equal(embeddings(longer.members)[:, :6], embeddings(learned.members))
    assert float((embeddings(longer.members)[:, 6:] - start).abs().max(dim=2).values.min()) > 0.01
    for before, after in losses_before_and_after(longer):
        assert after < before
    with pytest.raises(ValueError, match="expected 3 members to append to, got 2"):
        list(on_text(llm, frozen=learned.members[:2]))


def test_time_is_left_to_evaluate_rivals(llm: FrozenLLM) -> None:
    brief = RECIPE.model_copy(update={"epochs": 1.0})

    def left(rivals: int) -> float:
        *_, last = [each for each in on_text(llm, recipe=brief, rivals=rivals) if isinstance(each, Stepped)]
        return last.eta_seconds

    assert left(3000) > 50 * left(0)


def test_progress_is_reported_as_it_happens(llm: FrozenLLM) -> None:
    seen = list(on_text(llm))
    steps = [each for each in seen if isinstance(each, Stepped)]
    assert [each.step for each in steps] == list(range(1, len(steps) + 1))
    assert {each.steps for each in steps} == {len(steps)}
    assert steps[-1].loss == pytest.approx(sum(steps[-1].member_losses) / 3)
    assert [each.stage for each in seen if isinstance(each, Evaluated)] == ["before", "after"]
    assert isinstance(seen[-1], Learned)
    assert any(isinstance(each, Pause) for each in seen)


def test_a_budget_of_tokens_is_kept(llm: FrozenLLM) -> None:
    learned = learn(llm, RECIPE.model_copy(update={"budget_tokens": 64}))
    assert len(learned.curve) == 2


def test_a_budget_of_seconds_ends_training_after_the_first_step(llm: FrozenLLM) -> None:
    learned = learn(llm, RECIPE.model_copy(update={"budget_seconds": 1e-6}))
    assert len(learned.curve) == 1


def test_a_limit_in_seconds_that_is_far_away_changes_no_bit(llm: FrozenLLM) -> None:
    recipe = RECIPE.model_copy(update={"epochs": 2.0})
    one, other = (
        learn(llm, recipe.model_copy(update={"budget_seconds": seconds})) for seconds in (None, 30.0)
    )
    assert one.curve == other.curve
    assert torch.equal(embeddings(one.members), embeddings(other.members))


def test_without_held_out_text_there_is_no_evaluation_loss(llm: FrozenLLM) -> None:
    learned = learn(llm, RECIPE.model_copy(update={"heldout": 0.0, "epochs": 1.0}))
    assert learned.after.member_losses == [None] * 3


def test_a_held_out_loss_that_is_not_finite_ends_training(llm: FrozenLLM) -> None:
    with pytest.raises(DivergedError, match="held-out loss is nan before training"):
        list(on_text(llm, start=Prompts(torch.full((3, 6, 32), torch.nan))))


def test_a_text_of_one_token_is_refused(llm: FrozenLLM) -> None:
    with pytest.raises(ValueError, match="two tokens"):
        list(on_text(llm, "a"))


def test_a_saved_prompt_scores_as_it_did(llm: FrozenLLM, learned: Learned) -> None:
    kept = prompt_from_bytes(prompt_to_bytes(embeddings(learned.members)[1]), llm.identity.hidden_size)
    assert torch.equal(kept, embeddings(learned.members)[1])
    blocks = split_text(llm.encode(STORY), RECIPE.row_tokens, RECIPE.heldout).heldout
    losses = mean_losses(llm, kept.expand(len(blocks), -1, -1), blocks)
    assert sum(losses) / len(losses) == pytest.approx(learned.after.member_losses[1], rel=1e-5)


def test_losses_are_the_models_own(llm: FrozenLLM) -> None:
    rows = [llm.encode("Mira kept a green lamp."), llm.encode("Butter burns slowly, said the baker.")]
    for row, losses in zip(rows, row_losses(llm, None, rows), strict=True):
        ids = torch.tensor([row])
        with torch.no_grad():
            expected = llm.model(input_ids=ids, labels=ids).loss
        torch.testing.assert_close(losses.mean(), expected)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # PEFT's own
def test_losses_after_a_prompt_are_those_peft_trains_on(llm: FrozenLLM, learned: Learned) -> None:
    config = peft.PromptTuningConfig(task_type=peft.TaskType.CAUSAL_LM, num_virtual_tokens=6)
    model: Any = peft.get_peft_model(llm.model, config)
    texts = ["Mira kept a green lamp.", "Butter burns slowly, said the baker."]
    rows = [llm.encode(text) for text in texts]
    ours = row_losses(llm, embeddings(learned.members)[:2], rows)
    for prompt, row, losses in zip(embeddings(learned.members), rows, ours, strict=False):
        with torch.no_grad():
            model.prompt_encoder["default"].embedding.weight.copy_(prompt)
            ids = torch.tensor([row])
            expected = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids).loss
        torch.testing.assert_close(losses.mean(), expected)


def test_other_bytes_are_no_prompt(learned: Learned) -> None:
    with pytest.raises(FormatError, match="safetensors"):
        prompt_from_bytes(b"nonsense", 32)
    with pytest.raises(FormatError, match=r"\[virtual tokens, 64\]"):
        prompt_from_bytes(prompt_to_bytes(embeddings(learned.members)[0]), 64)
    with pytest.raises(FormatError, match="finite"):
        prompt_from_bytes(prompt_to_bytes(embeddings(learned.members)[0] * float("nan")), 32)
