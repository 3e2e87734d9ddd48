"""What a question costs the parts of a service, measured by `tests/benchmarks/library_load.py` or assumed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from app.errors import CommandError


class Times(BaseModel):
    """Seconds that work takes: drawn from `measured`, else by a gamma distribution of this mean and spread.

    `spread` is the standard deviation divided by the mean: 0 gives always the mean, 1 an exponential
    distribution.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    mean: NonNegativeFloat
    spread: NonNegativeFloat = 0.0
    measured: tuple[NonNegativeFloat, ...] = ()

    @classmethod
    def of(cls, seconds: list[float]) -> Self:
        """The distribution of what was measured."""
        mean = float(np.mean(seconds))
        return cls(mean=mean, spread=float(np.std(seconds)) / mean if mean else 0.0, measured=tuple(seconds))

    def draw(self, random: np.random.Generator, number: int) -> NDArray[np.float64]:
        """So many of them."""
        if self.measured:
            return random.choice(np.array(self.measured), number)
        if not self.mean or not self.spread:
            return np.full(number, self.mean)
        shape = self.spread**-2
        return random.gamma(shape, self.mean / shape, number)


class ServiceTimes(BaseModel):
    """What one question costs when nothing else is asked.

    `web` is the work of a web replica: HTTP, retrieval, votes. `warm` is the LLM's work on a question whose
    passages it has read; `reading` what reading them takes before that, in `pieces` between which other work
    may come. Questions that wait for an answerer are answered in one pass, at most `at_once`; each but the
    first adds the share `growth` of its own time to the pass: 1 gains nothing, 0 makes it free.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    web: Times
    warm: Times
    reading: Times
    pieces: PositiveInt = 2
    at_once: PositiveInt = 1
    growth: float = Field(default=1.0, ge=0, le=1)
    # Of what is kept for one question: the contexts of its passages and of the members that read them.
    place_bytes: PositiveFloat = 1.0


def service_times(
    file: Path | None,
    means: Mapping[str, float | None],
    spread: float,
    others: Mapping[str, float | None],
) -> ServiceTimes:
    """What the file has that was measured, but for what is given: the `means` of `web`, `warm` and `reading`
    in seconds, each with this spread, and other fields.

    CommandError: the file is not there or holds something else, or there is neither file nor means.
    """
    given = {name: Times(mean=mean, spread=spread) for name, mean in means.items() if mean is not None}
    changed = {**given, **{name: value for name, value in others.items() if value is not None}}
    if file is None:
        missing = [f"--{name}" for name in means if name not in given]
        if missing:
            raise CommandError(
                f"Say what a question costs: {', '.join(missing)} in seconds, or --times with a file of "
                "measured times."
            )
        return ServiceTimes.model_validate(changed)
    try:
        measured = ServiceTimes.model_validate_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise CommandError(
            f"{file} does not hold measured times, as the library_load benchmark writes them."
        ) from error
    return ServiceTimes.model_validate({**dict(measured), **changed})
