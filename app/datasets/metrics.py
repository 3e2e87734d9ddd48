"""How close an answer is to its references, and how far confidences can be believed."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.answering.normalisation import normalised

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer

# An answer whose ROUGE-L is at least this counts as correct where right or wrong is asked.
CORRECT = 0.5
# Of the questions that a book answers, this share may be declined, so that those it does not answer are.
LOST = 0.1
# Of all intervals, per cent.
INTERVAL = 95


class Bin(NamedTuple):
    """Answers of about the same confidence: its mean, the mean of their scores, how many they are."""

    confidence: float
    score: float
    size: int


def rouge_l(answer: str, references: Sequence[str]) -> float:
    """F1 of the longest common subsequence of words, at its best over at least one reference.

    ROUGE-L of Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004), as the package
    rouge_score computes it without stemming. It sees only the letters a to z and digits.
    """
    scorer = _scorer()
    return max(float(scorer.score(reference, answer)["rougeL"].fmeasure) for reference in references)


def token_f1(answer: str, references: Sequence[str]) -> float:
    """F1 of the words in common, whatever their order, at its best over at least one reference.

    From SQuAD: Rajpurkar et al. (2016), arXiv 1606.05250. An answer without a word is right only where a
    reference has none either, as in SQuAD 2.0.
    """
    return max(_token_f1(answer, reference) for reference in references)


def exact_match(answer: str, references: Sequence[str]) -> float:
    """1 where the normalised answer is one of the references, else 0 (SQuAD, arXiv 1606.05250)."""
    return float(normalised(answer) in {normalised(reference) for reference in references})


def interval(
    values: Sequence[float], clusters: Sequence[str] | None = None, seed: int = 0, resamples: int = 1000
) -> tuple[float, float]:
    """Range that holds the mean with `INTERVAL` per cent confidence, by the percentile bootstrap.

    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13. With `clusters`, the label of
    each value's group, whole groups are drawn with all of their values: Davison and Hinkley, "Bootstrap
    Methods and their Application" (1997), section 3.8; Field and Welsh, "Bootstrapping clustered data"
    (2007). Without, the values count as independent. ValueError: one group alone says nothing about others.
    """
    if not len(values):
        raise ValueError("No values have no mean.")
    array = np.asarray(values, dtype=np.float64)
    groups = _groups(len(array), clusters)
    sums, sizes = np.bincount(groups, array), np.bincount(groups)
    random = np.random.default_rng(seed)
    means = []
    for _ in range(resamples):
        drawn = random.integers(len(sums), size=len(sums))
        means.append(sums[drawn].sum() / sizes[drawn].sum())
    low, high = np.percentile(means, [(100 - INTERVAL) / 2, (100 + INTERVAL) / 2])
    return float(low), float(high)


def paired_interval(
    a: Sequence[float],
    b: Sequence[float],
    clusters: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> tuple[float, float]:
    """Range of the mean of `a` minus `b`, whose values belong together in pairs (the same question).

    Bootstrap of the differences, as Koehn, "Statistical Significance Tests for Machine Translation
    Evaluation" (2004) does for two systems; `clusters` as in `interval`, a label for each pair.
    """
    return interval([first - second for first, second in zip(a, b, strict=True)], clusters, seed, resamples)


def expected_calibration_error(
    confidences: Sequence[float], correct: Sequence[float], bins: int = 10
) -> float:
    """Mean distance between confidence and accuracy over bins of equal width, weighted by their counts.

    Guo et al., "On Calibration of Modern Neural Networks" (2017), arXiv 1706.04599, equation 3.
    """
    found = reliability(confidences, correct, bins)
    total = sum(each.size for each in found)
    return sum(each.size * abs(each.score - each.confidence) for each in found) / total


def reliability(confidences: Sequence[float], scores: Sequence[float], bins: int = 10) -> list[Bin]:
    """The bins of a reliability diagram, by rising confidence, without the empty ones.

    Bins of equal width, each with its upper edge, as in Guo et al. (2017), arXiv 1706.04599, section 2.
    """
    sure, right = _pairs(confidences, scores)
    if sure.min() < 0 or sure.max() > 1:
        raise ValueError("A confidence is from 0 to 1.")
    places = np.searchsorted(np.arange(1, bins) / bins, sure, side="left")
    return [
        Bin(float(sure[places == place].mean()), float(right[places == place].mean()), int(count))
        for place, count in enumerate(np.bincount(places))
        if count
    ]


def risk_coverage(confidences: Sequence[float], scores: Sequence[float]) -> list[tuple[float, float]]:
    """The share of questions answered, and the mean score of those, when only the surest are answered.

    Selective prediction as in El-Yaniv and Wiener (2010) and Geifman and El-Yaniv (2017), arXiv 1705.08500,
    with the mean score for one minus the risk. Equal confidences are answered together.
    """
    sure, right = _pairs(confidences, scores)
    order = np.argsort(-sure, kind="stable")
    sure, means = sure[order], np.cumsum(right[order]) / np.arange(1, len(sure) + 1)
    last = np.append(sure[1:] != sure[:-1], True)
    return [(float((place + 1) / len(sure)), float(means[place])) for place in np.flatnonzero(last)]


def aurc(confidences: Sequence[float], scores: Sequence[float]) -> float:
    """Area under the risk-coverage curve, the risk being one minus the mean score of those answered.

    Geifman and El-Yaniv (2017), arXiv 1705.08500. Less is better; without any order it is one minus the mean.
    """
    curve = [(0.0, 0.0), *risk_coverage(confidences, scores)]
    return sum((after - before) * (1 - score) for (before, _), (after, score) in pairwise(curve))


def abstention(own: Sequence[float], others: Sequence[float], share: float = LOST) -> tuple[float, float]:
    """The confidence below which `share` of `own` are, at most, and the share of `others` that are below it.

    Selective prediction against questions that have no answer here, as SQuAD 2.0 asks some (1806.03822).
    """
    if not len(own) or not len(others):
        raise ValueError("Both kinds of confidences are needed.")
    least = float(np.sort(own)[int(share * len(own))])
    return least, float(np.mean(np.asarray(others) < least))


@cache
def _scorer() -> "RougeScorer":
    # Imported when it is first needed: it brings nltk and scipy, which the start of a service would wait for.
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=False)


def _groups(count: int, clusters: Sequence[str] | None) -> NDArray[np.intp]:
    """The number of each value's group; each value is one of its own where there are no clusters."""
    if clusters is None:
        return np.arange(count)
    if len(clusters) != count:
        raise ValueError(f"{count} values have {len(clusters)} labels.")
    labels, groups = np.unique(np.asarray(clusters), return_inverse=True)
    if len(labels) < 2:
        raise ValueError("One group alone says nothing about others.")
    return groups


def _token_f1(answer: str, reference: str) -> float:
    said, expected = normalised(answer).split(), normalised(reference).split()
    if not said or not expected:
        return float(said == expected)
    common = (Counter(said) & Counter(expected)).total()
    return 2 * common / (len(said) + len(expected))


def _pairs(
    confidences: Sequence[float], scores: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not len(confidences) or len(confidences) != len(scores):
        raise ValueError(f"{len(confidences)} confidences and {len(scores)} scores are no pairs.")
    return np.asarray(confidences, dtype=np.float64), np.asarray(scores, dtype=np.float64)
