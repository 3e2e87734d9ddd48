from dataclasses import replace

import pytest
import torch

from tests.learned import embeddings
from tests.tiny import STORY
from trainer.book_training import Prepared, resolved, train_book
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.prompt import Prompts
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Evaluated, Learned
from trainer.recipe import Recipe
from trainer.skill.skill import Skill, initial_skill

RECIPE = Recipe(members=2, virtual_tokens=4, epochs=1.0, heldout=0.0)
PASSAGES = ["Mira kept a green lamp in the tower of Ost.", "The baker sold butter to Mira."]
ITEMS = [StudyQuestion(0, "who", "Who kept a green lamp?", "Mira", -0.1)]


@pytest.fixture(scope="module")
def skill(llm: FrozenLLM) -> Skill:
    return initial_skill(llm)


def test_the_objective_follows_from_the_skill(skill: Skill) -> None:
    assert resolved(RECIPE, skill).objective == "self_study"
    assert resolved(RECIPE, None).objective == "lm"
    assert resolved(RECIPE.model_copy(update={"objective": "lm"}), skill).objective == "lm"
    for objective in ("self_study", "both"):
        with pytest.raises(ValueError, match="needs a skill"):
            resolved(RECIPE.model_copy(update={"objective": objective}), None)


def test_seconds_that_went_into_writing_are_no_seconds_to_learn_in(llm: FrozenLLM, skill: Skill) -> None:
    recipe = RECIPE.model_copy(update={"objective": "lm", "epochs": 40.0, "budget_seconds": 3600.0})
    steps = []
    for spent in (0.0, 3600.0):
        *_, learned = train_book(llm, STORY, recipe, skill, spent=spent)
        assert isinstance(learned, Learned)
        steps.append(len(learned.curve))
    # The first step is always taken.
    assert steps[0] > steps[1] == 1


def test_members_start_where_the_skill_prompt_says(llm: FrozenLLM, skill: Skill) -> None:
    assert resolved(RECIPE, None).initialisation == "text"
    assert resolved(RECIPE, skill).initialisation == "blank"
    starts = torch.randn(1, 4, 32)
    knowing = replace(skill, starts=starts)
    recipe = resolved(RECIPE, knowing)
    assert recipe.initialisation == "learned"
    still = recipe.model_copy(update={"learning_rate": 1e-12})
    *_, learned = train_book(llm, STORY, still, knowing, passages=PASSAGES, items=ITEMS)
    assert isinstance(learned, Learned)
    torch.testing.assert_close(embeddings(learned.members), starts.expand(2, 4, 32))
    longer = RECIPE.model_copy(update={"virtual_tokens": 5})
    assert resolved(longer, knowing).initialisation == "blank"
    with pytest.raises(ValueError, match="no starts of 5"):
        resolved(longer.model_copy(update={"initialisation": "learned"}), knowing)


@pytest.mark.parametrize("objective", ["lm", "self_study", "both"])
def test_every_objective_learns(llm: FrozenLLM, skill: Skill, objective: str) -> None:
    recipe = RECIPE.model_copy(update={"objective": objective})
    happened = list(train_book(llm, STORY, recipe, skill, passages=PASSAGES, items=ITEMS))
    learned = happened[-1]
    assert isinstance(learned, Learned)
    assert embeddings(learned.members).shape == (2, 4, 32)
    [prepared] = [each for each in happened if isinstance(each, Prepared)]
    assert prepared.items == ([] if objective == "lm" else ITEMS)
    assert prepared.recipe.objective == objective


def test_members_go_on_from_their_parent_or_are_appended_to_it(llm: FrozenLLM, skill: Skill) -> None:
    still = RECIPE.model_copy(update={"learning_rate": 1e-12})
    parent = Prompts(torch.randn(2, 4, 32))
    *_, learned = train_book(
        llm, STORY, resolved(still, skill), skill, passages=PASSAGES, items=ITEMS, parent=parent
    )
    assert isinstance(learned, Learned)
    torch.testing.assert_close(embeddings(learned.members), parent.embeddings)
    starts = torch.randn(1, 3, 32)
    knowing = replace(skill, starts=starts)
    recipe = resolved(still.model_copy(update={"append": True, "virtual_tokens": 3}), knowing)
    *_, learned = train_book(llm, STORY, recipe, knowing, passages=PASSAGES, items=ITEMS, parent=parent)
    assert isinstance(learned, Learned)
    torch.testing.assert_close(
        embeddings(learned.members), torch.cat([parent.embeddings, starts.expand(2, 3, 32)], dim=1)
    )
    with pytest.raises(ValueError, match="append needs a parent"):
        list(train_book(llm, STORY, recipe, knowing, passages=PASSAGES, items=ITEMS))


def test_without_a_question_to_study_the_text_is_learned(llm: FrozenLLM, skill: Skill) -> None:
    recipe = RECIPE.model_copy(update={"objective": "self_study", "heldout": 0.2})
    happened = list(train_book(llm, STORY, recipe, skill, passages=PASSAGES, items=[]))
    evaluated = [each for each in happened if isinstance(each, Evaluated)]
    assert (evaluated[0].bare_loss or 0) > 0
    [prepared] = [each for each in happened if isinstance(each, Prepared)]
    assert prepared.recipe.objective == "lm"
    assert isinstance(happened[-1], Learned)


def test_only_self_study_needs_passages(llm: FrozenLLM, skill: Skill) -> None:
    *_, learned = train_book(llm, STORY, RECIPE)
    assert isinstance(learned, Learned)
    with pytest.raises(ValueError, match="needs the passages of the book"):
        next(train_book(llm, STORY, RECIPE, skill))
