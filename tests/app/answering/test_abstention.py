from dataclasses import replace
from typing import Any

import pytest

from app.answering.abstention import abstention
from app.answering.calibration import Calibration, Logistic
from app.answering.types import Verdict, Vote

AGREED = [Vote("a lamp", 0.8, []), Vote("butter", 0.2, [])]
TORN = [Vote("a lamp", 0.4, []), Vote("butter", 0.35, []), Vote("a frog", 0.25, [])]


@pytest.mark.parametrize(
    ("known", "reason", "words"),
    [
        ({"answerable": 0.2}, "not-told", "The book does not seem to tell this."),
        ({"votes": [], "answer": ""}, "not-told", "No reader found an answer in what it read."),
        ({"votes": TORN}, "disagreed", "The readers disagree: the best answer has 40% of the votes."),
        ({}, "unsure", "The best answer has 80% of the votes, but is not sure enough."),
    ],
)
def test_a_declined_answer_says_why(known: dict[str, Any], reason: str, words: str) -> None:
    verdict = replace(
        Verdict(AGREED, "a lamp", 0.091, calibrated=True, answerable=0.9, decline_below=0.094), **known
    )
    declined = abstention(verdict, None)
    assert declined is not None
    assert declined.reason == reason
    assert declined.detail == f"{words} The confidence is 9.1%, where at least 9.4% is needed."
    assert abstention(verdict, 0) is None
    assert abstention(verdict, 0.2) is not None
    assert abstention(replace(verdict, confidence=0.094), None) is None


def test_a_calibration_from_before_thresholds_declines_nothing() -> None:
    logistic = Logistic(intercept=0.0, slopes={})
    written = Calibration(answerable=logistic, right=logistic).model_dump()
    del written["decline_below"]
    assert Calibration(**written).decline_below is None
    assert abstention(Verdict(AGREED, "a lamp", 0.0, calibrated=True, answerable=0.0), None) is None
