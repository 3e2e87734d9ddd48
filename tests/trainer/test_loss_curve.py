"""Loss curves: every step of a short training, means of a long one, and no more points than fit."""

import json

import pytest

from trainer.loss_curve import MOST_POINTS, LossCurve


def of_steps(steps: int) -> LossCurve:
    curve = LossCurve()
    for step in range(steps):
        curve.append([float(step), -float(step)])
    return curve


def test_a_short_training_has_every_step() -> None:
    curve = of_steps(MOST_POINTS - 1)
    assert curve.points() == [[float(step), -float(step)] for step in range(MOST_POINTS - 1)]
    assert LossCurve().points() == []


@pytest.mark.parametrize("steps", [MOST_POINTS, MOST_POINTS + 1, 3 * MOST_POINTS + 7, 100_000])
def test_a_long_training_has_the_means_of_its_steps(steps: int) -> None:
    curve = of_steps(steps)
    points = curve.points()
    assert curve.steps == steps
    assert MOST_POINTS // 2 <= len(points) <= MOST_POINTS
    stride = 1
    while steps >= stride * MOST_POINTS:
        stride *= 2
    means = [
        sum(range(first, min(first + stride, steps))) / min(stride, steps - first)
        for first in range(0, steps, stride)
    ]
    assert [one for one, _ in points] == pytest.approx(means)
    assert [other for _, other in points] == pytest.approx([-mean for mean in means])


def test_what_goes_on_is_the_same_to_the_bit() -> None:
    whole, part = LossCurve(), LossCurve()
    for step in range(5 * MOST_POINTS + 3):
        losses = [1 / (step + 1), 0.1 * step]
        if step % 701 == 0:
            part = LossCurve.of_facts(json.loads(json.dumps(part.facts())))
        whole.append(losses)
        part.append(losses)
    assert part.points() == whole.points()
