import pytest

from app.answering.types import PassageAnswer
from app.answering.weighting import FEATURES, features


def said(text: str, answerable: float, likelihood: float = -0.5, rank: int = 0) -> PassageAnswer:
    return PassageAnswer(text, answerable, likelihood, 1.0 / (1 + rank))


def test_features_do_not_depend_on_the_order() -> None:
    answers = [said("lamp", 0.9), said("green lamp", 0.4, rank=1), said("butter", 0.1, rank=2)]
    forward, backward = features(answers), features(answers[::-1])
    assert forward.shape == (3, len(FEATURES))
    assert forward == pytest.approx(backward[::-1])
