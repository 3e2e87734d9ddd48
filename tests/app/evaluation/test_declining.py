from app.evaluation.declining import declined
from app.evaluation.predictions import Prediction


def asked(system: str, confidences: list[float]) -> list[Prediction]:
    return [
        Prediction(
            system=system,
            story="marsh",
            question=number,
            answer="the eel",
            nll=None,
            confidence=confidence,
            seconds=None,
            book_hit=None,
            passage_ranks=None,
            rouge_l=0,
            token_f1=0,
            exact_match=0,
        )
        for number, confidence in enumerate(confidences)
    ]


OWN = [number / 20 for number in range(20)]


def test_each_share_has_its_threshold_for_each_system() -> None:
    found = [
        *asked("chorus", OWN),
        *asked("elsewhere", [0.0, 0.06, 0.12, 0.9]),
        *asked("skill_apart", OWN),
        *asked("skill_elsewhere", [0.06, 0.5]),
    ]
    assert [(one.system, one.share, one.least, one.own, one.others) for one in declined(found)] == [
        ("chorus", 0.10, 0.10, 0.10, 0.5),
        ("chorus", 0.15, 0.15, 0.15, 0.75),
        ("skill_apart", 0.10, 0.10, 0.10, 0.5),
        ("skill_apart", 0.15, 0.15, 0.15, 0.5),
    ]
    assert [one.share for one in declined(found[:24], [0.5])] == [0.5]
    assert str(declined(found)[0]) == (
        "chorus abstains below a confidence of 0.100: "
        "10% of the questions, 50% of those asked of another story"
    )


def test_nothing_is_said_of_a_system_that_was_not_asked_elsewhere() -> None:
    assert declined([*asked("chorus", OWN), *asked("skill_elsewhere", OWN), *asked("skill", OWN)]) == []
