"""An LLM that has learned to ask, and its reader, which has to agree."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, SupportsIndex

import pytest
import torch

from tests.trainer.methods.test_methods import made
from trainer.llm import templates
from trainer.llm.frozen_llm import FrozenLLM
from trainer.objectives.asker import Asker, Stretch, ask, stretches
from trainer.objectives.study_question import StudyQuestion
from trainer.question_writing import Unfinished, Writing, Written, write_questions
from trainer.recipe import Recipe
from trainer.skill.examples import Example
from trainer.skill.optimisation import SkillLoss, SkillStep
from trainer.skill.recipe import SkillRecipe
from trainer.skill.skill import Skill, skill_to_train
from trainer.skill.training import train_skill

PASSAGES = ["Mira kept a green lamp in the tower of Ost.", "The baker sold butter in the harbour."]
QUESTION, ANSWER = "Who kept a green lamp?", "Mira"
# All that it learns to ask, whatever it reads.
EXAMPLES = [
    Example(text, [(QUESTION, [ANSWER])], kinds={QUESTION: "character"})
    for text in (PASSAGES[0], "\n\n".join(PASSAGES[::-1]))
]
RECIPE = SkillRecipe(
    method="lora", rank=16, steps=80, learning_rate=0.01, warmup=5, rows=2, evaluate_every=80, beside=0.0
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
    # So that it can be sure of a token, the one that ends an answer too, which has a vector of zeros here.
    llm.model.model.norm.weight.mul_(8)
    with torch.no_grad():
        llm.head[templates.end(llm)] = -llm.head[templates.end(llm) + 1]
    asker, losses = learned(llm, RECIPE.model_copy(update={"what": "ask"}))
    first, last = losses
    assert first is not None
    assert last is not None
    assert last < first / 4
    reader, _ = learned(llm, RECIPE)
    reader.equip(llm)
    return llm, reader, asker


def asked(
    skilled: tuple[FrozenLLM, Skill, Skill],
    *wanted: Stretch,
    agreement: float = 1.5,
    passages: Sequence[str] = PASSAGES,
) -> list[StudyQuestion]:
    llm, reader, skill = skilled
    turn = skill.in_turn(llm)
    with turn:
        context = skill.context(llm)
    asker = Asker(context, turn)
    happened = ask(llm, passages, wanted, asker, reader.context(llm), agreement=agreement)
    return [item for batch in happened if isinstance(batch, list) for item in batch]


def test_what_was_learned_is_asked_once_and_answered_by_the_reader(
    skilled: tuple[FrozenLLM, Skill, Skill],
) -> None:
    [found] = asked(skilled, Stretch([0], 3), Stretch([1], 3), Stretch([0], 3))
    assert (found.passage, found.question, found.answer, found.kind) == (0, QUESTION, ANSWER, None)
    assert (found.log_likelihood or 0) < 0


def test_what_the_reader_finds_unlikely_is_dropped(skilled: tuple[FrozenLLM, Skill, Skill]) -> None:
    assert asked(skilled, Stretch([0], 3), Stretch([1], 3), agreement=1e-9) == []


@pytest.mark.parametrize("told_by", [0, 1])
def test_a_question_about_a_pair_belongs_to_the_passage_that_tells(
    skilled: tuple[FrozenLLM, Skill, Skill], told_by: int
) -> None:
    passages = PASSAGES if told_by == 0 else PASSAGES[::-1]
    [found] = asked(skilled, Stretch([0, 1], 3), passages=passages)
    assert found.passage == told_by


def test_the_reader_is_in_force_between_two_tokens(skilled: tuple[FrozenLLM, Skill, Skill]) -> None:
    llm, reader, asker = skilled
    tokens = llm.encode("Mira")
    before = llm.logits(tokens)
    found = []
    for happened in write_questions(llm, PASSAGES, Recipe(questions=2, pairs=0), reader, asker):
        found.append(happened)
        assert torch.equal(llm.logits(tokens), before)
    *pieces, written = found
    # Both passages are asked about together, and all that is asked has the same words.
    assert len(pieces) > len(llm.encode(f"{QUESTION}\n{ANSWER}"))
    told = [piece.done for piece in pieces if isinstance(piece, Writing)]
    # There is a sign of work before the first place is done, and none of going back.
    assert told[0] == 0 < told[1] < 1
    assert told == sorted(told)
    assert told[-1] == 2
    assert isinstance(written, Written)
    assert [each.question for each in written.questions] == [QUESTION]


def test_what_is_in_hand_is_not_done_before_it_is_however_long_that_takes(
    skilled: tuple[FrozenLLM, Skill, Skill], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.question_writing._PAUSES", 5)
    llm, reader, asker = skilled
    *pieces, _ = write_questions(llm, PASSAGES, Recipe(questions=2, pairs=0), reader, asker)
    told = [piece.done for piece in pieces if isinstance(piece, Writing)]
    assert len(told) > 10
    assert told[-2] < told[-1] == 2
    # Each is a sign of work.
    assert sorted(set(told)) == told


@pytest.mark.parametrize(("seconds", "asked"), [(10, 8), (0.1, 4), (60, 16), (None, 16)])
def test_writing_has_half_of_the_seconds_and_what_was_written_is_used(
    skilled: tuple[FrozenLLM, Skill, Skill], seconds: float | None, asked: int
) -> None:
    llm, reader, asker = skilled
    recipe = Recipe(questions=3, pairs=0, budget_seconds=seconds)
    clock = count(100)  # a second for each place of the book
    *pieces, written = write_questions(
        llm, [*PASSAGES * 8], recipe, reader, asker, clock=lambda: float(next(clock))
    )
    told = [piece.done for piece in pieces if isinstance(piece, Writing)]
    assert told == sorted(told)
    assert {0, *range(4, asked + 1, 4)} <= set(told)
    assert max(told) == asked
    assert isinstance(written, Written)
    if asked == 16:
        assert written.unfinished is None
    else:
        # Half of a recipe's seconds are for writing, and each place takes one here; the end took another.
        assert written.unfinished == Unfinished(asked, 16, (asked + 1) / asked * 16 * 2)
    assert written.seconds == asked + 1
    assert [each.question for each in written.questions] == [QUESTION]


class Book(list[str]):
    """Passages, with the numbers of those that were read."""

    def __init__(self, passages: Sequence[str]) -> None:
        super().__init__(passages)
        self.read: set[int] = set()

    def __getitem__(self, number: SupportsIndex | slice) -> Any:
        assert not isinstance(number, slice)
        self.read.add(int(number))
        return super().__getitem__(number)


@pytest.mark.parametrize(("passages", "pairs"), [(498, 0), (48, 0), (30, 0), (498, 2)])
def test_what_is_asked_about_in_little_time_is_all_over_the_book(
    skilled: tuple[FrozenLLM, Skill, Skill], passages: int, pairs: int
) -> None:
    llm, reader, asker = skilled
    book = Book(PASSAGES * (passages // 2))
    # Less than the first places take on any machine.
    recipe = Recipe(questions=1, pairs=pairs, budget_seconds=1e-6)
    *_, written = write_questions(llm, book, recipe, reader, asker)
    assert isinstance(written, Written)
    assert written.unfinished is not None
    assert written.unfinished.asked == 4
    assert {number * 4 // passages for number in book.read} == {0, 1, 2, 3}


def test_each_passage_is_asked_about_alone_and_with_the_next() -> None:
    assert stretches([0, 2], 3, 10, 2) == [Stretch([0], 10), Stretch([0, 1], 2), Stretch([2], 10)]
    assert stretches([0, 1], 2, 5, 0) == [Stretch([0], 5), Stretch([1], 5)]
