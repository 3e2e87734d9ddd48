import numpy as np
import pytest

from app.bench.scale.spread import Spread


def test_percentiles_are_those_within_which_so_many_of_100_are() -> None:
    spread = Spread.of(list(range(100, -1, -1)))
    assert spread == Spread(mean=50, p50=50, p95=95, p99=99)
    assert Spread.of(np.arange(101.0)) == spread


def test_between_two_a_percentile_is_linear() -> None:
    # What the 99th is of a few: neither the most nor the one before it.
    assert Spread.of([0, 1]) == Spread(mean=0.5, p50=0.5, p95=0.95, p99=0.99)
    assert Spread.of([3]) == Spread(mean=3, p50=3, p95=3, p99=3)


def test_nothing_has_no_spread() -> None:
    with pytest.raises(ValueError, match="no percentile"):
        Spread.of([])
