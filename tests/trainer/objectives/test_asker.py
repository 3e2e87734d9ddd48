"""An LLM that has learned to ask, and its reader, which has to agree."""

from pathlib import Path

import pytest
import torch

from tests.trainer.methods.test_methods import made
from trainer.book_training import Written, write_questions
from trainer.llm.frozen_llm import FrozenLLM
from trainer.objectives.asker import Asker, Stretch, ask, stretches
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Pause
from trainer.recipe import Recipe
from trainer.skill.examples import Example
from trainer.skill.optimisation import SkillLoss, SkillStep
from trainer.skill.recipe import SkillRecipe
from trainer.skill.skill import Skill, skill_to_train
from trainer.skill.training import train_skill

PASSAGES = ["Mira kept a green lamp in the tower of Ost.", "The baker sold butter in the harbour."]
ASKED = [("Who kept a green lamp?", "Mira"), ("What was sold in the harbour?", "butter")]
EXAMPLES = [
    Example(text, [(question, [answer])], kinds={question: "action"})
    for text, (question, answer) in zip(PASSAGES, ASKED, strict=True)
]
RECIPE = SkillRecipe(
    method="lora", rank=8, steps=80, learning_rate=0.02, warmup=5, rows=2, evaluate_every=80, beside=0.0
)


def learned(llm: FrozenLLM, recipe: SkillRecipe) -> tuple[Skill, list[float | None]]:
    """A skill of the two examples, and its losses on them before and after."""
    skill = skill_to_train(llm, "lora", recipe.rank, recipe.seed)
    losses, state = [], None
    for happened in train_skill(llm, EXAMPLES, EXAMPLES, recipe, start=skill):
        if isinstance(happened, SkillLoss):
            losses.append(happened.answer_loss)
        elif isinstance(happened, SkillStep):
            state = happened.state
    assert state is not None
    llm.adaptation.remove()
    return skill.with_tensors([tensor.detach().clone() for tensor in state.tensors]), losses


@pytest.fixture(scope="module")
def skilled(tmp_path_factory: pytest.TempPathFactory) -> tuple[FrozenLLM, Skill, Skill]:
    """An LLM that reads by one skill, which is folded in, and has learned to ask by another."""
    llm = made(Path(tmp_path_factory.mktemp("asker")), "llama")
    asker, losses = learned(llm, RECIPE.model_copy(update={"what": "ask"}))
    first, last = losses
    assert first is not None
    assert last is not None
    assert last < first / 4
    reader, _ = learned(llm, RECIPE)
    reader.equip(llm)
    return llm, reader, asker


def asked(
    skilled: tuple[FrozenLLM, Skill, Skill], *wanted: Stretch, agreement: float = 1.5
) -> list[StudyQuestion]:
    llm, reader, skill = skilled
    with skill.in_turn(llm):
        context = skill.context(llm)
    asker = Asker(context, lambda: skill.in_turn(llm))
    batches = ask(llm, PASSAGES, wanted, asker, reader.context(llm), agreement=agreement, temperature=0.3)
    return [item for batch in batches for item in batch]


def test_what_was_learned_is_asked_once_and_answered_by_the_reader(
    skilled: tuple[FrozenLLM, Skill, Skill],
) -> None:
    found = asked(skilled, Stretch([0], 3), Stretch([1], 3), Stretch([0], 3))
    assert [(each.passage, each.question, each.answer) for each in found] == [
        (passage, *ASKED[passage]) for passage in (0, 1)
    ]
    assert all(each.kind is None and (each.log_likelihood or 0) < 0 for each in found)


def test_what_the_reader_finds_unlikely_is_dropped(skilled: tuple[FrozenLLM, Skill, Skill]) -> None:
    assert asked(skilled, Stretch([0], 3), Stretch([1], 3), agreement=1e-6) == []


def test_a_question_about_a_pair_belongs_to_the_passage_that_tells(
    skilled: tuple[FrozenLLM, Skill, Skill],
) -> None:
    found = asked(skilled, Stretch([0, 1], 6), agreement=100.0)
    assert found
    for each in found:
        told = {question: passage for passage, (question, _) in enumerate(ASKED)}
        assert each.passage == told.get(each.question, each.passage)


def test_the_reader_is_in_force_between_two_pieces(skilled: tuple[FrozenLLM, Skill, Skill]) -> None:
    llm, reader, asker = skilled
    recipe = Recipe(questions=2, pairs=0)
    pieces = write_questions(llm, PASSAGES, recipe, reader, asker)
    weight = llm.encode("Mira")
    before = llm.logits(weight)
    found = []
    for happened in pieces:
        found.append(happened)
        assert torch.equal(llm.logits(weight), before)
    drafted, answered, written = found
    assert isinstance(drafted, Pause)
    assert isinstance(answered, Pause)
    assert isinstance(written, Written)
    assert [each.question for each in written.questions] == [question for question, _ in ASKED]


def test_each_passage_is_asked_about_alone_and_with_the_next() -> None:
    assert stretches([0, 2], 3, 10, 2) == [Stretch([0], 10), Stretch([0, 1], 2), Stretch([2], 10)]
    assert stretches([0, 1], 2, 5, 0) == [Stretch([0], 5), Stretch([1], 5)]
