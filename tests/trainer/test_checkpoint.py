"""Fault 19: a training that was stopped goes on to the same bits, whatever it learns and wherever it was."""

import ctypes
import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.tiny import STORY
from trainer.book_training import Prepared, resolved, train_book
from trainer.checkpoint import Checkpoint, checkpoint_from_bytes
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.dispatch import initial_members
from trainer.methods.members import Members
from trainer.methods.tensors import FormatError
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Learned, Progress, Stepped
from trainer.recipe import Recipe
from trainer.skill.skill import initial_skill

PASSAGES = [
    "Mira kept a green lamp in the tower of Ost. Every night at nine she lit it with a silver match.",
    "Mira climbed down to the harbour and asked the baker for butter. Butter burns slowly, said the baker.",
    "So the lamp burned butter until spring, and the fishermen came home hungry.",
]
ITEMS = [
    StudyQuestion(number % 3, "who", f"Who kept lamp {number}?", f"Mira {number}", -0.1)
    for number in range(9)
] + [StudyQuestion(1, None, "Who sold butter?", "The baker", source="person")]
SMALL: dict[str, Any] = {
    "members": 2,
    "virtual_tokens": 4,
    "rank": 2,
    "row_tokens": 32,
    "learning_rate": 0.05,
}


def learning(
    llm: FrozenLLM, recipe: Recipe, parent: Members | None, resume: Checkpoint | None = None
) -> Iterator[Progress | Prepared]:
    return train_book(
        llm,
        STORY,
        recipe,
        initial_skill(llm),
        passages=PASSAGES,
        items=ITEMS,
        parent=parent,
        resume=resume,
    )


def last(pieces: Iterator[Progress | Prepared]) -> Learned:
    *_, learned = pieces
    assert isinstance(learned, Learned)
    return learned


@pytest.mark.parametrize(
    "more",
    [
        {"objective": "lm", "epochs": 4, "rows": 2},
        {"objective": "self_study", "epochs": 6},
        {"objective": "self_study", "epochs": 6, "distillation": 0.5, "distractors": 0.3},
        {"objective": "both", "epochs": 3},
        {"objective": "lm", "epochs": 2, "method": "prefix"},
        {"objective": "self_study", "epochs": 4, "method": "lora", "placement": "behind"},
        {"objective": "lm", "epochs": 2, "append": True},
    ],
    ids=lambda more: "-".join(map(str, more.values())),
)
def test_19_what_goes_on_from_a_checkpoint_learns_the_same_bits(llm: FrozenLLM, more: dict[str, Any]) -> None:
    recipe = resolved(Recipe(**SMALL, **more), initial_skill(llm))
    plain = recipe.model_copy(update={"append": False})
    parent = initial_members(llm, llm.encode(STORY), plain) if recipe.append else None
    whole = last(learning(llm, recipe, parent))
    stop = whole.steps // 2
    assert stop >= 2
    kept, pieces = b"", learning(llm, recipe, parent)
    for happened in pieces:
        if isinstance(happened, Stepped) and happened.step == stop:
            next(pieces)  # the next step has begun: its rows are read already
            kept = happened.checkpoint().to_bytes()
            break
    after = list(learning(llm, recipe, parent, checkpoint_from_bytes(kept)))
    assert [one.step for one in after if isinstance(one, Stepped)] == list(range(stop + 1, whole.steps + 1))
    resumed = after[-1]
    assert isinstance(resumed, Learned)
    assert resumed.members.artifacts() == whole.members.artifacts()
    assert (resumed.curve, resumed.before, resumed.after) == (whole.curve, whole.before, whole.after)


def test_the_seconds_of_a_budget_go_on(llm: FrozenLLM) -> None:
    recipe = Recipe(**SMALL, objective="lm", epochs=4)
    steps = [one for one in learning(llm, recipe, None) if isinstance(one, Stepped)]
    kept = steps[1].checkpoint()
    spent = Checkpoint(kept.tensors, {**kept.facts, "elapsed": 100.0})
    limited = recipe.model_copy(update={"budget_seconds": 50.0})
    after = list(learning(llm, limited, None, spent))
    assert not any(isinstance(one, Stepped) for one in after)
    assert isinstance(after[-1], Learned)


def types_of_ctypes() -> int:
    gc.collect()
    return sum(type(each) is type(ctypes.c_ubyte * 1) for each in gc.get_objects())


def test_a_training_that_keeps_many_leaves_nothing_in_memory() -> None:
    def keep(steps: int) -> None:
        kept = Checkpoint({"one": torch.ones(1)}, {"curve": [[0.5]] * steps}).to_bytes()
        assert len(checkpoint_from_bytes(kept).facts["curve"]) == steps

    keep(1000)
    before = types_of_ctypes()
    for steps in range(1001, 1101):
        keep(steps)
    assert types_of_ctypes() - before <= 1


def test_bytes_that_are_no_checkpoint_are_refused() -> None:
    whole = Checkpoint({"a": torch.zeros(2)}, {"step": 1}).to_bytes()
    assert checkpoint_from_bytes(whole).facts == {"step": 1}
    for data in (b"", whole[:-20], b"no" * 20):
        with pytest.raises(FormatError, match="no checkpoint"):
            checkpoint_from_bytes(data)
