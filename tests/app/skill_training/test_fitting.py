from app.answering.calibration import Evidence
from app.answering.election import elect
from app.answering.types import PassageAnswer
from app.answering.weighting import Weighting
from app.skill_training.fitting import fit_calibration, fit_weighting
from app.skill_training.samples import Sample


def said(text: str, answerable: float, likelihood: float = -0.5, retrieval: float = 1.0) -> PassageAnswer:
    return PassageAnswer(text, answerable, likelihood, retrieval)


def own_and_other() -> list[Sample]:
    """Readers who are right where they are sure, and questions about other books, which they tell apart."""
    heard = []
    for number in range(40):
        sure = number % 3 > 0
        right = said("green lamp", 0.9 - number / 200, -0.2 if sure else -1.2, 0.5 + number % 7 / 50)
        wrong = said("butter", 0.1 + number / 200, -2.0, 0.3)
        heard.append(Sample([right, wrong], [1.0 if sure else 0.0, 0.0], own=True))
        lost = said("goose", 0.2 + number % 5 / 50, -1.0, 0.1 + number % 7 / 50)
        heard.append(Sample([lost, wrong], [0.0, 0.0], own=False))
    return heard


def test_a_fitted_weighting_tells_right_from_wrong() -> None:
    heard = own_and_other()
    weighting = fit_weighting(heard)
    good, bad = weighting.weights([said("green lamp", 0.8), said("butter", 0.2, -2.0, 0.5)])
    assert good > 0.9 > 0.1 > bad
    trusted, distrusted = weighting.trust([said("x", 0.8), said("y", 0.2, retrieval=0.5)])
    assert trusted > distrusted
    assert weighting == fit_weighting(heard)
    assert weighting == fit_weighting([one for one in heard if one.own])


def test_no_candidate_but_a_few_reaches_the_ceiling() -> None:
    heard = own_and_other()
    weighting = fit_weighting(heard)
    masses = [mass for one in heard if one.own for mass in weighting.masses(one.answers, 1.0)]
    most = [
        mass
        for one in heard
        if one.own
        for mass in weighting.most([each.retrieval for each in one.answers], 1.0)
    ]
    above = sum(mass > limit for mass, limit in zip(masses, most, strict=True))
    assert 0 < above <= 0.06 * len(masses)


def test_a_fitted_calibration_knows_other_books_and_unsure_answers() -> None:
    heard = own_and_other()
    calibration = fit_calibration(heard, fit_weighting(heard))
    assert calibration is not None
    sure = Evidence(retrieval=0.55, answerable=0.85, worth=0.9, log_likelihood=-0.3)
    unsure = Evidence(retrieval=0.55, answerable=0.85, worth=0.9, log_likelihood=-1.2)
    lost = Evidence(retrieval=0.15, answerable=0.2, worth=0.9, log_likelihood=-0.3)
    assert calibration.confidence(sure) > 0.6 > 0.4 > calibration.confidence(unsure)
    assert calibration.answerable.probability(sure) > 0.8
    assert calibration.confidence(lost) < calibration.answerable.probability(lost) < 0.2


def test_answers_are_declined_where_one_in_ten_of_the_questions_that_the_book_answers_is_lost() -> None:
    heard = own_and_other()
    weighting = fit_weighting(heard)
    calibration = fit_calibration(heard, weighting)
    assert calibration is not None
    assert calibration.decline_below is not None
    declined = {True: 0, False: 0}
    for one in heard:
        weights = weighting.weights(one.answers)
        _, evidence = elect(one.answers, weights, max(each.retrieval for each in one.answers))
        declined[one.own] += calibration.confidence(evidence) < calibration.decline_below
    # Of 40 each.
    assert declined == {True: 4, False: 40}


def test_what_was_never_wrong_cannot_be_calibrated() -> None:
    always = [Sample([said("lamp", 0.9)], [1.0], own=True)] * 4
    assert fit_calibration(always, Weighting(answerable=1, retrieval=1, log_likelihood=1)) is None


def judged(text: str, right: float | None, likelihood: float = -0.5) -> PassageAnswer:
    return PassageAnswer(text, 0.6, likelihood, 0.5, right=right)


def told_apart() -> list[Sample]:
    """Readers of whom only their own judgement tells who is right."""
    heard = []
    for number in range(40):
        # The judge is mistaken once in ten times.
        sure, unsure = (0.2, 0.6) if number % 10 == 0 else (0.9, 0.1)
        answers = [judged("butter", unsure), judged("green lamp", sure), judged("the old goose", unsure)]
        heard.append(Sample(answers, [0.0, 1.0, 0.0], own=True))
    return heard


def elected_quality(samples: list[Sample], weighting: Weighting) -> float:
    elected = [elect(one.answers, weighting.weights(one.answers), 0.5)[0] for one in samples]
    return sum(one.quality[best] for one, best in zip(samples, elected, strict=True)) / len(samples)


def test_a_judge_that_tells_right_from_wrong_elects_better_answers() -> None:
    heard = told_apart()
    weighting = fit_weighting(heard)
    assert weighting.judges
    assert weighting.right > 0.3
    deaf = weighting.model_copy(update={"right": 0.0})
    assert elected_quality(heard, deaf) == 0
    assert elected_quality(heard, weighting) == 0.9


def test_a_judge_counts_in_the_confidence() -> None:
    heard = (
        told_apart()
        + [
            Sample([judged("butter", 0.1), judged("the moon", 0.2)], [0.0, 0.0], own=own)
            for own in (True, False)
        ]
        * 15
    )
    calibration = fit_calibration(heard, fit_weighting(heard))
    assert calibration is not None
    sure, unsure = (Evidence(0.5, 0.6, 0.6, -0.5, right) for right in (0.9, 0.1))
    assert calibration.right.probability(sure) > calibration.right.probability(unsure) + 0.3
    assert calibration.confidence(sure) > 2 * calibration.confidence(unsure)


def test_without_judgements_the_judge_does_not_count() -> None:
    weighting = fit_weighting(own_and_other())
    assert weighting.right == 0
    assert not weighting.judges
