from collections.abc import Callable, Sequence

import numpy as np
import pytest

from app.datasets.metrics import (
    Bin,
    abstention,
    aurc,
    exact_match,
    expected_calibration_error,
    interval,
    paired_interval,
    reliability,
    risk_coverage,
    rouge_l,
    token_f1,
)


@pytest.mark.parametrize("measure", [rouge_l, token_f1, exact_match])
def test_the_best_reference_counts(measure: Callable[[str, Sequence[str]], float]) -> None:
    assert measure("The lamp!", ["an eel", "the lamp"]) == 1
    assert measure("nothing", ["an eel", "the lamp"]) == 0
    assert measure("", ["the lamp"]) == 0


def test_rouge_l_by_hand() -> None:
    # The longest common subsequence is "police the gunman" without "killed": 3 of 4 words on both sides.
    assert rouge_l("police kill the gunman", ["police killed the gunman"]) == pytest.approx(3 / 4)
    assert rouge_l("the gunman kill police", ["police killed the gunman"]) == pytest.approx(2 / 4)


def test_token_f1_by_hand() -> None:
    # Two words in common of three said and four expected; the article does not count, the order neither.
    assert token_f1("the lamp, old lamp", ["lamp of the old eel"]) == pytest.approx(2 * 2 / (3 + 4))
    assert token_f1("the", ["a"]) == 1


def test_an_interval_holds_the_mean_and_narrows() -> None:
    values = np.random.default_rng(3).normal(0.4, 0.1, 400).tolist()
    low, high = interval(values)
    assert low < np.mean(values) < high
    # Two standard errors of 0.005 on either side.
    assert high - low == pytest.approx(4 * 0.1 / 20, rel=0.2)
    assert interval(values) == (low, high)
    assert interval(values, seed=1) != (low, high)
    assert interval([0.5, 0.5]) == (0.5, 0.5)
    with pytest.raises(ValueError, match="no mean"):
        interval([])


def test_stories_are_drawn_with_all_of_their_questions() -> None:
    # What one story scores, all of its questions score: 4 stories say as much as 4 questions.
    of_stories = {"marsh": 0.1, "hill": 0.9, "fen": 0.4, "moor": 0.6}
    labels = [story for story in of_stories for _ in range(50)]
    values = [of_stories[story] for story in labels]
    low, high = interval(values, labels)
    alone = interval(list(of_stories.values()))
    assert (low, high) == pytest.approx(alone, abs=0.05)
    assert high - low > 4 * (interval(values)[1] - interval(values)[0])
    assert interval(values, labels) == (low, high)
    assert paired_interval(values, [0.0] * 200, labels) == (low, high)
    # Each in a story of its own, questions are drawn as without stories.
    assert interval([0.1, 0.9, 0.4], ["a", "b", "c"]) == interval([0.1, 0.9, 0.4])


def test_a_long_story_counts_by_its_questions() -> None:
    values, labels = [1.0] + [0.0] * 9, ["short"] + ["long"] * 9
    low, high = interval(values, labels)
    # Drawn twice, a story is alone; else the mean is that of all ten questions.
    assert (low, high) == (0, 1)
    draws = [interval(values, labels, seed=seed, resamples=1)[0] for seed in range(50)]
    assert {round(mean, 6) for mean in draws} == {0, 0.1, 1}


def test_one_story_says_nothing_about_others() -> None:
    with pytest.raises(ValueError, match="nothing about others"):
        interval([0.1, 0.2], ["marsh", "marsh"])
    with pytest.raises(ValueError, match="2 values have 1 labels"):
        interval([0.1, 0.2], ["marsh"])


def test_pairs_tell_a_difference_that_single_intervals_hide() -> None:
    b = np.random.default_rng(3).uniform(0, 0.9, 50).tolist()
    a = [value + 0.05 for value in b]
    assert interval(a)[0] < interval(b)[1]
    assert paired_interval(a, b) == pytest.approx((0.05, 0.05))
    with pytest.raises(ValueError, match=r"longer|shorter"):
        paired_interval([1.0], [1.0, 2.0])


def test_calibration_by_hand() -> None:
    confidences, correct = [0.95, 0.95, 0.95, 0.95, 0.25, 0.15], [1, 1, 1, 0, 0, 1]
    # Bins of 4, 1 and 1: distances 0.2, 0.25 and 0.85.
    expected = (4 * 0.2 + 0.25 + 0.85) / 6
    assert expected_calibration_error(confidences, correct) == pytest.approx(expected)
    assert expected_calibration_error([1.0, 0.0], [1, 0]) == 0


def test_a_bin_has_its_upper_edge() -> None:
    assert reliability([0.5, 0.5001, 0.0], [1, 0, 0], bins=2) == [Bin(0.25, 0.5, 2), Bin(0.5001, 0, 1)]
    assert [each.size for each in reliability([n / 10 for n in range(1, 11)], [1] * 10)] == [1] * 10


@pytest.mark.parametrize(("confidences", "scores"), [([], []), ([0.5], [1, 0]), ([1.5], [1]), ([-0.5], [1])])
def test_no_bins_of_what_is_no_confidence(confidences: list[float], scores: list[float]) -> None:
    with pytest.raises(ValueError, match="confidence"):
        reliability(confidences, scores)


def test_the_surest_are_answered_first() -> None:
    assert risk_coverage([0.2, 0.9, 0.5, 0.5], [0, 1, 1, 0]) == [
        (0.25, 1),
        (0.75, pytest.approx(2 / 3)),
        (1, 0.5),
    ]


def test_the_area_under_risk_is_small_where_the_sure_are_right() -> None:
    scores = [1.0, 1.0, 0.0, 0.0]
    # Two of four are right: 0, 0, 1/3 and 1/2 are the risks at each quarter.
    assert aurc([0.9, 0.8, 0.2, 0.1], scores) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert aurc([0.1, 0.2, 0.8, 0.9], scores) == pytest.approx((1 + 1 + 2 / 3 + 1 / 2) / 4)
    assert aurc([0.5] * 4, scores) == pytest.approx(0.5)


def test_abstention_keeps_most_of_its_own() -> None:
    own = [number / 100 for number in range(100)]
    assert abstention(own, [0.1, 0.14, 0.15, 0.9], share=0.15) == (0.15, 0.5)
    assert abstention(own, [0.1, 0.14, 0.15, 0.9], share=0.10) == (0.1, 0.0)
    assert abstention(own, [0.05, 0.09, 0.1, 0.9]) == (0.1, 0.5)
    assert abstention([0.3], [0.1, 0.5], share=0.15) == (0.3, 0.5)
    with pytest.raises(ValueError, match="needed"):
        abstention([], [0.5], share=0.1)
