import pytest

from app.answering.election import consensus, elect, overlap
from app.answering.types import PassageAnswer


def test_overlap_is_the_f1_of_words() -> None:
    assert overlap("the green lamp", "a green lamp!") == 1
    assert overlap("green lamp", "lamp") == pytest.approx(2 / 3)
    assert overlap("lamp", "") == 0


def test_consensus_prefers_what_others_say_too() -> None:
    worth = consensus(["the lamp", "a green lamp", "butter"], [1.0, 1.0, 1.5])
    assert worth[1] == max(worth)
    assert consensus(["lamp", "butter"], [1.0, 3.0])[1] > consensus(["lamp", "butter"], [1.0, 3.0])[0]


def test_of_equals_the_heaviest_is_elected() -> None:
    answers = [PassageAnswer("a lamp", 0.5, -1.0, 0.2), PassageAnswer("the lamp", 1.0, -0.5, 0.4)]
    for weights, expected in (([1.0, 3.0], 1), ([3.0, 1.0], 0)):
        best, evidence = elect(answers, weights, retrieval=0.4)
        assert best == expected
        assert evidence.worth == 1
        assert evidence.retrieval == 0.4
    assert evidence.answerable == pytest.approx(0.625)
    assert evidence.log_likelihood == pytest.approx(-0.875)
