"""Fits the weighting of candidates and the calibration of confidences on questions with known answers."""

from collections.abc import Sequence
from statistics import fmean

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression

from app.answering.calibration import ANSWERABLE, RIGHT, Calibration, Evidence, Logistic
from app.answering.election import elect
from app.answering.weighting import FEATURES, Weighting, features
from app.datasets.metrics import CORRECT, abstention
from app.skill_training.samples import Sample

_PENALTY = 0.01
_FACTORS = (1.0, 1.5, 2.0, 3.0)
# This share of the candidates stays below the weighting's ceiling.
_CEILING = 0.95


def fit_weighting(samples: Sequence[Sample]) -> Weighting:
    """The weighting with the highest expected quality of a candidate, with a penalty on large coefficients.

    All of them are then multiplied by the one of a few factors with which the elected answers are best: that
    a candidate is likely good is not all that an election needs to know. Only questions about the story that
    was read count.
    """
    own = [one for one in samples if one.own]
    inputs = [torch.tensor(features(one.answers)) for one in own]
    quality = [torch.tensor(one.quality, dtype=torch.float64) for one in own]
    spread = torch.cat(inputs).std(0, correction=0)
    spread[spread < 1e-6] = 1.0
    coefficients = torch.tensor([1.0] + [0.0] * (len(FEATURES) - 1), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([coefficients], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimiser.zero_grad()
        gains = [
            (torch.softmax((values / spread) @ coefficients, 0) * scores).sum()
            for values, scores in zip(inputs, quality, strict=True)
        ]
        total = _PENALTY * coefficients.square().sum() - torch.stack(gains).mean()
        total.backward()
        return float(total.detach())

    optimiser.step(loss)
    found = coefficients.detach() / spread
    found *= max(_FACTORS, key=lambda factor: _elected_quality(own, found * factor))
    others = [number for number, name in enumerate(FEATURES) if name != "retrieval"]
    answered = torch.cat(inputs)[:, others] @ found[others]
    return _weighting(found, float(answered.quantile(_CEILING)))


def _weighting(coefficients: torch.Tensor, ceiling: float = 0.0) -> Weighting:
    return Weighting(**dict(zip(FEATURES, coefficients.tolist(), strict=True)), ceiling=ceiling)


def _elected_quality(samples: Sequence[Sample], coefficients: torch.Tensor) -> float:
    """Mean quality of the answers that are elected."""
    weighting = _weighting(coefficients)
    return fmean(_elected(one, weighting)[1] for one in samples)


def fit_calibration(samples: Sequence[Sample], weighting: Weighting) -> Calibration | None:
    """The calibration of the answers elected by a weighting; None where all were of one kind.

    An answer is right where its quality is at least that of a correct one. Answers are declined below the
    confidence at which as many of the questions about the story that was read are lost as may be.
    """
    found = [_elected(one, weighting) for one in samples]
    own = [(evidence, quality) for evidence, quality, is_own in found if is_own]
    answerable = _logistic(
        ANSWERABLE, [evidence for evidence, _, _ in found], [is_own for _, _, is_own in found]
    )
    right = _logistic(RIGHT, [evidence for evidence, _ in own], [quality >= CORRECT for _, quality in own])
    if answerable is None or right is None:
        return None
    fitted = Calibration(answerable=answerable, right=right)
    theirs = [fitted.confidence(evidence) for evidence, _, is_own in found if not is_own]
    least, _ = abstention([fitted.confidence(evidence) for evidence, _ in own], theirs)
    return fitted.model_copy(update={"decline_below": least})


def _elected(sample: Sample, weighting: Weighting) -> tuple[Evidence, float, bool]:
    """The evidence for the answer that is elected, its quality, and whether it is about its own story."""
    weights = weighting.weights(sample.answers)
    best, evidence = elect(sample.answers, weights, max(one.retrieval for one in sample.answers))
    return evidence, sample.quality[best], sample.own


def _logistic(names: Sequence[str], evidence: Sequence[Evidence], wanted: ArrayLike) -> Logistic | None:
    """A logistic regression on standardised features, with the usual L2 penalty of 1.

    A feature that hardly varies hardly counts, so that it decides nothing where it varies more.
    """
    labels = np.asarray(wanted, dtype=bool)
    if labels.all() or not labels.any():
        return None
    inputs = np.array([[getattr(one, name) for name in names] for one in evidence])
    spread = np.maximum(inputs.std(0), 0.05)
    model = LogisticRegression().fit((inputs - inputs.mean(0)) / spread, labels)
    slopes = model.coef_[0] / spread
    return Logistic(
        intercept=float(model.intercept_[0] - slopes @ inputs.mean(0)),
        slopes=dict(zip(names, slopes.tolist(), strict=True)),
    )
