"""When training ends, and the learning rate until then."""

import math
import time

from trainer.recipe import Recipe


class Schedule:
    """Linear warm-up, then cosine decay to a tenth (SGDR, 1608.03983), over a number of steps or of seconds.

    With a limit in seconds, progress is the larger of the two shares, so the rate has come down when the
    time is over, however fast the machine is.
    """

    def __init__(self, recipe: Recipe, steps: int, started: float, reserved: float) -> None:
        """`started` is a `time.monotonic()`; `reserved` seconds are not for steps."""
        self._steps = steps
        self._warmup = recipe.warmup
        self._started = started
        self._seconds = None if recipe.budget_seconds is None else max(0.0, recipe.budget_seconds - reserved)

    def rate_factor(self, step: int) -> float:
        """Factor on the peak learning rate at `step`, counted from 0."""
        progress = self._progress(step)
        # Warm-up starts above zero, so that the first step is not wasted.
        warmup = 1.0 if self._warmup == 0 else min(1.0, (progress + 1 / self._steps) / self._warmup)
        decay = 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return warmup * decay

    def finished(self, step: int) -> bool:
        """Whether training ends after `step` steps. The first step is always taken."""
        return step > 0 and self._progress(step) >= 1

    def remaining(self, step: int, seconds_per_step: float) -> int:
        """Steps still to come at this speed."""
        steps = self._steps - step
        if self._seconds is not None:
            left = self._started + self._seconds - time.monotonic()
            steps = min(steps, math.ceil(left / seconds_per_step))
        return max(0, steps)

    def _progress(self, step: int) -> float:
        progress = step / self._steps
        # Of the first step the time would always be ahead: the clock must not decide what is learned where
        # the steps end first, or the same training would end in other bits.
        if self._seconds is not None and step > 0:
            elapsed = time.monotonic() - self._started
            progress = max(progress, elapsed / self._seconds if self._seconds else 1.0)
        return progress
