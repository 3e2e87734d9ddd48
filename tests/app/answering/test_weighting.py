from dataclasses import replace

import pytest
from pydantic import ValidationError

from app.answering.calibration import Calibration, Evidence
from app.answering.types import PassageAnswer
from app.answering.weighting import FEATURES, Weighting, features


def said(text: str, answerable: float, likelihood: float = -0.5, rank: int = 0) -> PassageAnswer:
    return PassageAnswer(text, answerable, likelihood, 1.0 / (1 + rank))


def test_features_do_not_depend_on_the_order() -> None:
    answers = [said("lamp", 0.9), said("green lamp", 0.4, rank=1), said("butter", 0.1, rank=2)]
    forward, backward = features(answers), features(answers[::-1])
    assert forward.shape == (3, len(FEATURES))
    assert forward == pytest.approx(backward[::-1])


def test_what_was_not_judged_speaks_neither_for_nor_against() -> None:
    right = FEATURES.index("right")
    answers = [replace(said("lamp", 0.9), right=share) for share in (None, 0.5, 0.9, 0.1, 1.0, 0.0)]
    unknown, even, good, bad, sure, never = features(answers)[:, right].tolist()
    assert unknown == even == 0
    assert good == pytest.approx(-bad)
    assert sure > good > 0
    assert sure == pytest.approx(-never)
    # A judge may be wrong, however sure.
    assert sure < 5


def test_a_judgement_weighs_what_its_coefficient_says() -> None:
    answers = [replace(said("lamp", 0.9), right=0.8), replace(said("butter", 0.9), right=0.2)]
    deaf = Weighting(answerable=1, retrieval=1, log_likelihood=1)
    assert deaf.weights(answers) == pytest.approx([0.5, 0.5])
    hearing = deaf.model_copy(update={"right": 0.5})
    # Odds of 4 for the one and 1/4 for the other, each to the power of a half.
    assert hearing.weights(answers) == pytest.approx([0.8, 0.2])
    # What a passage is trusted with does not hang on the answer.
    assert hearing.trust(answers) == pytest.approx([0.5, 0.5])


def test_notes_from_before_judgements_are_read() -> None:
    notes = {"answerable": 0.4, "retrieval": 0.2, "log_likelihood": 0.1, "ceiling": 0.3}
    old = Weighting(**notes)
    assert old.right == 0
    assert not old.judges
    assert Weighting(**old.model_dump()) == old
    with pytest.raises(ValidationError):
        Weighting(**{**notes, "wrong": 1.0})


def test_a_calibration_from_before_judgements_is_read() -> None:
    notes = {
        "told": {"intercept": 0.1, "slopes": {"retrieval": 1.0, "answerable": 2.0}},
        "right": {"intercept": -0.2, "slopes": {"worth": 1.0, "log_likelihood": 0.5}},
    }
    old = Calibration(**notes)
    confidences = {old.confidence(Evidence(0.5, 0.6, 0.7, -0.5, right)) for right in (0.1, 0.5, 0.9)}
    assert len(confidences) == 1
