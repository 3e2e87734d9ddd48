import pytest

from app.datasets.metrics import paired_interval
from app.evaluation.comparisons import compared
from app.evaluation.predictions import Prediction

STORIES = ["fen", "fen", "hill", "marsh", "marsh"]


def asked(system: str, scores: list[float]) -> list[Prediction]:
    """A system's answers to one question after the other of the stories."""
    return [
        Prediction(
            system=system,
            story=story,
            question=number,
            answer="the eel",
            nll=None,
            confidence=None,
            seconds=None,
            book_hit=None,
            passage_ranks=None,
            rouge_l=score,
            token_f1=score,
            exact_match=0,
        )
        for number, (story, score) in enumerate(zip(STORIES, scores, strict=True))
    ]


CHORUS = [0.5, 0.7, 0.4, 0.9, 0.8]
APART = [0.4, 0.4, 0.5, 0.8, 0.8]
RAG = [0.1, 0.2, 0.1, 0.1, 0.0]


@pytest.mark.parametrize(
    ("systems", "pairs"),
    [
        (["rag", "skill", "skill_apart", "chorus"], ["rag", "skill", "skill_apart"]),
        (["rag", "skill", "skill_apart", "elsewhere"], ["rag", "skill"]),
        (["bare", "rag", "skill", "member 1", "member 2"], ["bare", "rag", "best member"]),
        (["bare", "rag", "gold"], []),
        (["chorus"], []),
    ],
)
def test_the_most_that_was_learned_is_compared(systems: list[str], pairs: list[str]) -> None:
    found = [one for system in systems for one in asked(system, RAG)]
    first = next((name for name in ("chorus", "skill_apart", "skill") if name in systems), None)
    assert [(one.system, one.other) for one in compared(found, "story")] == [(first, name) for name in pairs]


def test_a_comparison_by_hand() -> None:
    found = [*asked("rag", RAG), *asked("skill_apart", APART), *asked("chorus", CHORUS)]
    rag, apart = compared(found, "story")
    assert rag.mean == pytest.approx(0.56)
    assert (rag.questions, rag.above, rag.stories) == (5, 3, 3)
    assert apart.mean == pytest.approx(0.08)
    assert apart.above == 2
    assert apart.interval == paired_interval(CHORUS, APART, STORIES)
    assert apart.bootstrap == "story"
    assert str(rag).startswith("chorus - rag: +0.560 (95% +")
    assert str(rag).endswith("above on 3 of 3 stories")
    [_, by_question] = compared(found, "question")
    assert by_question.interval == paired_interval(CHORUS, APART)
    assert by_question.interval != apart.interval


def test_only_questions_that_both_were_asked_count() -> None:
    [gold] = compared([*asked("gold", RAG)[:2], *asked("skill", CHORUS)], "story")
    assert gold.mean == pytest.approx(0.45)
    assert (gold.questions, gold.stories) == (2, 1)
    # These are of one story, which is no sample of stories.
    assert gold.bootstrap == "question"
    assert compared([*asked("gold", RAG)[:2], *asked("skill", CHORUS)[2:]], "story") == []


def test_members_without_a_passage_are_compared_with_the_skill_without_one() -> None:
    systems = {"member_closed 1": CHORUS, "member_closed 2": RAG, "skill_closed": RAG, "bare": RAG}
    found = [one for name, scores in systems.items() for one in asked(name, scores)]
    assert [(one.system, one.other) for one in compared(found, "story")] == [
        ("member_closed 1", "skill_closed"),
        ("member_closed 2", "skill_closed"),
    ]
