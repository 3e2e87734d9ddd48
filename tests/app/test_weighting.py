import pytest

from app.chorus import Voice
from app.readers import Reader, Said
from app.skills.fitting import fitted
from app.weighting import FEATURES, consensus, features, overlap
from trainer.context import Context


def said(text: str, answerable: float, likelihood: float = -0.5, rank: int = 0) -> Said:
    import torch

    nothing = Context(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1))
    reader = Reader(Voice("book"), nothing, 1.0 / (1 + rank))
    return Said(reader, text, answerable, likelihood)


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


def test_a_fitted_weighting_tells_right_from_wrong() -> None:
    heard = []
    for number in range(40):
        right, wrong = (
            said("green lamp", 0.9 - number / 100),
            said("butter", 0.1 + number / 100, -2.0, rank=1),
        )
        heard.append(([right, wrong], [1.0, 0.0]))
    weighting = fitted(heard)
    good, bad = weighting.weights([said("green lamp", 0.8), said("butter", 0.2, -2.0, rank=1)])
    assert good > 0.9 > 0.1 > bad
    assert good + bad == pytest.approx(1)
    trusted, distrusted = weighting.trust([said("x", 0.8), said("y", 0.2, rank=1)])
    assert trusted > distrusted
    assert weighting == fitted(heard)
