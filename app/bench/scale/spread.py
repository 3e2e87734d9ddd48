"""How long many of one kind take: the mean and the percentiles, wherever seconds are told."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict


class Spread(BaseModel):
    """Seconds of many questions: their mean, and within how many 50, 95 and 99 of 100 are."""

    model_config = ConfigDict(frozen=True)

    mean: float
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: NDArray[np.float64] | Sequence[float]) -> Self:
        """The spread of these, which may be in another unit. Between two of them a percentile is linear.

        ValueError: there are none.
        """
        if not len(seconds):
            raise ValueError("Of no seconds there is no percentile.")
        p50, p95, p99 = map(float, np.percentile(seconds, (50, 95, 99)))
        return cls(mean=float(np.mean(seconds)), p50=p50, p95=p95, p99=p99)
