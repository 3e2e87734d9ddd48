import pytest

from app.answering.types import PassageAnswer
from app.answering.weighting import FEATURES, consensus, features, overlap


def said(text: str, answerable: float, likelihood: float = -0.5, rank: int = 0) -> PassageAnswer:
    return PassageAnswer(text, answerable, likelihood, 1.0 / (1 + rank))


def test_overlap_is_the_f1_of_words() -> None:
    assert overlap("the green lamp", "a green lamp!") == 1
    assert overlap("green lamp", "lamp") == pytest.approx(2 / 3)
    assert overlap("lamp", "") == 0


def test_consensus_prefers_what_others_say_too() -> None:
    worth = consensus(["the lamp", "a green lamp", "butter"], [1.0, 1.0, 1.5])
    assert worth[1] == max(worth)
    assert consensus(["lamp", "butter"], [1.0, 3.0])[1] > consensus(["lamp", "butter"], [1.0, 3.0])[0]


def test_features_do_not_depend_on_the_order() -> None:
    answers = [said("lamp", 0.9), said("green lamp", 0.4, rank=1), said("butter", 0.1, rank=2)]
    forward, backward = features(answers), features(answers[::-1])
    assert forward.shape == (3, len(FEATURES))
    assert forward == pytest.approx(backward[::-1])
