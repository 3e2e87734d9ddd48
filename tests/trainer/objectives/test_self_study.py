from collections.abc import Callable

import pytest
import torch

from tests.tiny import STORY
from trainer.joint_training import train
from trainer.llm import templates
from trainer.llm.batch_types import Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.microbatches import Microbatches
from trainer.llm.prefill import prefill
from trainer.methods.prompt import Prompts
from trainer.objectives.alternating import Alternating
from trainer.objectives.lm import LanguageModelling
from trainer.objectives.question_synthesis import passes_filters, synthesise
from trainer.objectives.self_study import SelfStudy, StudyMaterial
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Learned
from trainer.recipe import Recipe

PASSAGES = [
    "Mira kept a green lamp in the tower of Ost. Every night at nine she lit it with a silver match.",
    "Mira climbed down to the harbour and asked the baker for butter. Butter burns slowly, said the baker.",
]
ITEMS = [
    StudyQuestion(0, "who", "Who kept a green lamp?", "Mira", -0.1),
    StudyQuestion(0, "where", "Where was the lamp?", "in the tower", -0.2),
    StudyQuestion(1, "what", "What burns slowly?", "butter", -0.1),
    StudyQuestion(1, "who", "Who was asked for butter?", "the baker", -0.3),
]
RECIPE = Recipe(
    objective="self_study", members=2, virtual_tokens=6, epochs=60, learning_rate=0.5, heldout=0.0
)


def material(llm: FrozenLLM) -> StudyMaterial:
    [closed] = prefill(llm, [templates.opening(llm)])
    return StudyMaterial(llm.encode(STORY), ITEMS, closed, PASSAGES)


def test_members_learn_the_answers(llm: FrozenLLM) -> None:
    *_, learned = train(llm, SelfStudy(llm, material(llm), RECIPE), RECIPE)
    assert isinstance(learned, Learned)
    for member in range(2):
        first, last = ([step[member] for step in part] for part in (learned.curve[:3], learned.curve[-3:]))
        assert sum(last) < sum(first) - 0.02


def test_held_out_items_are_evaluated_and_not_learned(llm: FrozenLLM) -> None:
    recipe = RECIPE.model_copy(update={"heldout": 0.5, "epochs": 4.0})
    objective = SelfStudy(llm, material(llm), recipe)
    *_, learned = train(llm, objective, recipe)
    assert isinstance(learned, Learned)
    assert (learned.before.bare_loss or 0) > 0
    assert len(learned.after.member_losses) == 2
    with_all = SelfStudy(llm, material(llm), RECIPE)
    assert objective.epoch_tokens < with_all.epoch_tokens


def test_as_many_questions_are_held_out_as_say_something(llm: FrozenLLM) -> None:
    whole = material(llm)
    for count, share, held in (
        (2, 0.1, 0),
        (8, 0.1, 2),
        (40, 0.1, 5),
        (149, 0.1, 12),
        (150, 0.1, 30),
        (400, 0.1, 30),
        (150, 0.0, 0),
    ):
        items = [StudyQuestion(0, None, f"What is {n}?", f"lamp {n}", -0.1) for n in range(count)]
        studied = StudyMaterial(whole.text, items, whole.skill, PASSAGES)
        objective = SelfStudy(llm, studied, RECIPE.model_copy(update={"heldout": share}))
        assert len(objective.heldout_questions) == held, count


def heard(llm: FrozenLLM, recipe: Recipe, answer: str, steps: int) -> list[list[float]]:
    """The losses of each step, before anything is learned, where a person gave this answer."""
    items = [StudyQuestion(0, "what", f"What is {n}?", f"lamp {n}", -0.1) for n in range(12)]
    items.insert(5, StudyQuestion(1, None, "Who sold it?", answer, source="person"))
    studied = StudyMaterial(llm.encode(STORY), items, material(llm).skill, PASSAGES)
    objective = SelfStudy(llm, studied, recipe)
    prompts = Prompts(torch.ones(recipe.members, 6, 32).requires_grad_())
    found = []
    for _ in range(steps):
        learning = objective.gradient(prompts)
        try:
            while True:
                next(learning)
        except StopIteration as ended:
            found.append(ended.value[0])
    return found


@pytest.mark.parametrize("seed", [0, 1])
def test_what_a_person_wrote_comes_first_and_as_often_as_it_weighs(llm: FrozenLLM, seed: int) -> None:
    """With 12 others, and 6 questions in a row: once in an epoch of 3 rows, or thrice in one of 3 to 5."""
    found = {}
    for weight in (1, 3):
        update = {"members": 1, "closed": 1.0, "person_weight": weight, "seed": seed}
        recipe = RECIPE.model_copy(update=update)
        one, other = (heard(llm, recipe, answer, steps=12) for answer in ("the baker", "a frog"))
        found[weight] = [step for step in range(12) if one[step] != other[step]]
    assert found[1] == [0, 3, 6, 9]
    assert found[3][0] == 0
    assert len(found[3]) >= 8


def test_what_a_person_wrote_is_never_held_out(llm: FrozenLLM) -> None:
    recipe = RECIPE.model_copy(update={"heldout": 0.9})
    of_people = [StudyQuestion(0, None, item.question, item.answer, source="person") for item in ITEMS]
    whole = material(llm)
    studied = StudyMaterial(whole.text, of_people, whole.skill, PASSAGES)
    *_, learned = train(llm, SelfStudy(llm, studied, recipe), recipe)
    assert isinstance(learned, Learned)
    assert learned.after.member_losses == [None, None]
    once, often = (
        SelfStudy(llm, studied, recipe.model_copy(update={"person_weight": weight})).epoch_tokens
        for weight in (1, 4)
    )
    assert often == 4 * once


def test_a_row_has_a_question_once_whatever_it_weighs(llm: FrozenLLM) -> None:
    [item, *_] = ITEMS
    whole = material(llm)
    alone = StudyMaterial(
        whole.text,
        [StudyQuestion(item.passage, None, item.question, item.answer, source="person")],
        whole.skill,
        PASSAGES,
    )
    texts = [
        templates.passages(llm, [PASSAGES[item.passage]]),
        templates.question(llm, item.question),
        templates.answer(llm, item.answer),
    ]
    once = 6 + sum(map(len, texts))
    for weight in (1, 4):
        recipe = RECIPE.model_copy(update={"closed": 0.0, "person_weight": weight, "heldout": 0.0})
        steps = SelfStudy(llm, alone, recipe).gradient(Prompts(torch.zeros(2, 6, 32).requires_grad_()))
        computed = 0
        try:
            while True:
                next(steps)
        except StopIteration as ended:
            computed = ended.value[1]
        assert computed == recipe.members * recipe.rows * once


def test_passes_of_any_size_come_to_the_same_gradient(llm: FrozenLLM) -> None:
    gradients = []
    for pass_tokens in (8192, 1):
        objective = SelfStudy(llm, material(llm), RECIPE, microbatches=Microbatches(llm.device, pass_tokens))
        prompts = torch.zeros(2, 6, 32).normal_(generator=torch.Generator().manual_seed(0)).requires_grad_()
        for _ in objective.gradient(Prompts(prompts)):
            pass
        assert prompts.grad is not None
        gradients.append(prompts.grad)
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-3)


def test_a_step_is_with_the_passage_or_without_for_all_members(llm: FrozenLLM) -> None:
    computed = []
    for closed in (0.0, 1.0):
        objective = SelfStudy(llm, material(llm), RECIPE.model_copy(update={"closed": closed}))
        steps = objective.gradient(Prompts(torch.zeros(2, 6, 32).normal_().requires_grad_()))
        try:
            while True:
                next(steps)
        except StopIteration as ended:
            computed.append(ended.value[1])
    shortest = min(len(templates.passages(llm, [text])) for text in PASSAGES)
    assert computed[0] > computed[1] + shortest


def test_two_objectives_take_turns(llm: FrozenLLM) -> None:
    recipe = RECIPE.model_copy(update={"objective": "both"})
    study = SelfStudy(llm, material(llm), recipe)
    both = Alternating(LanguageModelling(llm, STORY, recipe), study)
    prompts = Prompts(torch.zeros(2, 6, 32).normal_().requires_grad_())
    tokens = []
    for _ in range(4):
        steps = both.gradient(prompts)
        while True:
            try:
                next(steps)
            except StopIteration as ended:
                tokens.append(ended.value[1])
                break
    lm = 2 * (6 + min(recipe.row_tokens, len(llm.encode(STORY))))
    assert abs(tokens[0] - lm) < 60
    assert tokens[0] == tokens[2] != tokens[1]


def test_without_items_there_is_nothing_to_study(llm: FrozenLLM) -> None:
    empty = material(llm)
    with pytest.raises(ValueError, match="no question"):
        SelfStudy(llm, StudyMaterial(empty.text, [], empty.skill, PASSAGES), RECIPE)


@pytest.mark.parametrize(
    ("question", "answer", "good"),
    [
        ("Who kept a green lamp?", "Mira", True),
        ("Who kept a green lamp?", "a dragon of the north", False),
        ("Who kept a green lamp?", "a green lamp", False),
        ("Who kept a green lamp?", "", False),
        ("Who kept a green lamp", "Mira", False),
        ("Who?", "Mira", False),
    ],
)
def test_only_carried_answers_pass(question: str, answer: str, good: bool) -> None:
    assert passes_filters(question, answer, PASSAGES[0]) is good


def test_what_is_written_passed_the_filters_whatever_is_read_in_the_pauses(llm: FrozenLLM) -> None:
    [skill] = prefill(llm, [templates.opening(llm)])

    def written(work: Callable[[], object]) -> tuple[list[StudyQuestion], int]:
        found, pauses = [], 0
        for happened in synthesise(
            llm, list(enumerate(PASSAGES)), skill, kinds=["who", "why"], temperature=1.0, seed=3
        ):
            if isinstance(happened, list):
                found += happened
            else:
                work()
                pauses += 1
        return found, pauses

    alone, pauses = written(lambda: None)
    # One for each token of the questions and of their answers: nobody waits for longer.
    assert pauses > 20
    for item in alone:
        assert passes_filters(item.question, item.answer, PASSAGES[item.passage])
    assert written(lambda: decode(llm, [Row(None, llm.encode("Mira"), 4)])) == (alone, pauses)
