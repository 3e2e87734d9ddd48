"""What members are taught: other passages than the right one, and what the skill says with the right one."""

import pytest
import torch

from tests.trainer.objectives.test_self_study import PASSAGES, material
from trainer.joint_training import train
from trainer.llm import templates
from trainer.llm.batch_types import Exchange, Pack
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.packing import pack_losses
from trainer.llm.prefill import prefill
from trainer.methods.prompt import Prompts
from trainer.objectives.self_study import SelfStudy, StudyMaterial
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Learned
from trainer.recipe import Recipe

ABOUT_THE_FIRST = [
    StudyQuestion(0, "who", "Who kept a green lamp?", "Mira"),
    StudyQuestion(0, "where", "Where was the lamp?", "in the tower"),
]
RECIPE = Recipe(objective="self_study", members=1, virtual_tokens=6, heldout=0.0, closed=0.0)


def studied(llm: FrozenLLM, passages: list[str] = PASSAGES) -> StudyMaterial:
    whole = material(llm)
    return StudyMaterial(whole.text, ABOUT_THE_FIRST, whole.skill, passages)


def first_loss(llm: FrozenLLM, recipe: Recipe, studied: StudyMaterial, prompts: Prompts) -> float:
    learning = SelfStudy(llm, studied, recipe).gradient(prompts)
    while True:
        try:
            next(learning)
        except StopIteration as ended:
            [loss], _ = ended.value
            return float(loss)


def prompt() -> Prompts:
    return Prompts(torch.randn(1, 6, 32, generator=torch.Generator().manual_seed(0)).requires_grad_())


def mean_loss(llm: FrozenLLM, passage: str, prompts: Prompts) -> float:
    """The loss of both answers after [skill][member][passage], by hand."""
    exchanges = [
        Exchange(templates.question(llm, one.question), templates.answer(llm, one.answer))
        for one in ABOUT_THE_FIRST
    ]
    pack = Pack(exchanges, templates.passages(llm, [passage]), material(llm).skill)
    with torch.no_grad():
        return float(torch.cat(pack_losses(llm, [pack], prompts.embeddings)[0]).mean())


def test_a_distractor_stands_where_the_passage_did(llm: FrozenLLM) -> None:
    recipe = RECIPE.model_copy(update={"distractors": 1.0})
    assert first_loss(llm, recipe, studied(llm), prompt()) == pytest.approx(
        mean_loss(llm, PASSAGES[1], prompt()), abs=1e-4
    )
    plain = first_loss(llm, RECIPE, studied(llm), prompt())
    assert plain == pytest.approx(mean_loss(llm, PASSAGES[0], prompt()), abs=1e-4)


def test_a_book_of_one_passage_has_no_distractor(llm: FrozenLLM) -> None:
    recipe = RECIPE.model_copy(update={"distractors": 1.0})
    found = first_loss(llm, recipe, studied(llm, PASSAGES[:1]), prompt())
    closed = RECIPE.model_copy(update={"closed": 1.0})
    assert found == pytest.approx(first_loss(llm, closed, studied(llm), prompt()), abs=1e-4)


def test_a_member_learns_to_say_without_the_passage_what_the_skill_says_with_it(llm: FrozenLLM) -> None:
    """The answers given are nonsense: what is learned is the teacher's."""
    whole = material(llm)
    nonsense = [StudyQuestion(0, None, one.question, "zzzz qqqq") for one in ABOUT_THE_FIRST]
    taught = StudyMaterial(whole.text, nonsense, whole.skill, PASSAGES)
    update = {"closed": 1.0, "epochs": 150.0, "learning_rate": 0.5}
    start = prompt()
    agreed = {0.0: 0.0, 1.0: 0.0}
    for share in agreed:
        recipe = RECIPE.model_copy(update={**update, "distillation": share})
        *_, learned = train(llm, SelfStudy(llm, taught, recipe), recipe, start=start)
        assert isinstance(learned, Learned)
        assert isinstance(learned.members, Prompts)
        agreed[share] = agreement(llm, nonsense, learned.members)
    assert agreed[1.0] > agreement(llm, nonsense, start) > agreed[0.0]


def agreement(llm: FrozenLLM, items: list[StudyQuestion], prompts: Prompts) -> float:
    """The probability that a member without a passage gives to the 20 tokens that are the likeliest for the
    skill alone with the passage: the mean over the tokens of the answers.
    """
    skill = material(llm).skill
    packs = [
        Pack([Exchange(templates.question(llm, one.question), templates.answer(llm, one.answer))], [], skill)
        for one in items
    ]
    [read] = prefill(llm, [templates.passages(llm, PASSAGES[:1])], skill)
    with torch.no_grad():
        mine = llm.answer_states(packs, prompts.embeddings.expand(len(packs), -1, -1)) @ llm.head.T
        its = llm.answer_states([Pack(one.exchanges, [], read) for one in packs], None) @ llm.head.T
    return float(mine.softmax(-1).gather(-1, its.topk(20).indices).sum(-1).mean())
