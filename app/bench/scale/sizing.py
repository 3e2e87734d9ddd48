"""The least numbers of answerers and web replicas with which 99 of 100 questions are answered in time."""

import math
from collections.abc import Callable

from app.bench.scale.setup import Setup
from app.bench.scale.simulation import Outcome, simulate
from app.bench.scale.spread import Spread
from app.errors import CommandError

_MOST = 10_000
# While answerers are counted, web replicas are as many as keep them this busy.
_REPLICAS_BUSY = 0.5
# Busier than that, with as many in each pass as fit, a queue may still have grown at the end of what was
# simulated.
_MOST_BUSY = 0.97


def least(setup: Setup, p99: float) -> tuple[Setup, Outcome]:
    """The setup with the fewest answerers, and then the fewest web replicas, that answer 99 of 100 questions
    within `p99` seconds, and what comes of it.

    CommandError: `p99` is not above 0, an idle service would not do it, or 10,000 answerers would not.
    """
    if not p99 > 0:
        raise CommandError("Give --within more than 0 seconds.")
    fewest = math.ceil(setup.rate * setup.times.web.mean / _MOST_BUSY) or 1
    ample = max(fewest + 1, math.ceil(setup.rate * setup.times.web.mean / _REPLICAS_BUSY))
    # By version, as many answerers as one likes have room for all that is asked.
    room = setup.cache_bytes * (_MOST if setup.dispatch == "version" else 1)
    idle = {"rate": 1e-6, "answerers": 1, "questions": 5_000, "cache_bytes": room}
    if (alone := Spread.of(simulate(setup.model_copy(update=idle)).latency).p99) > p99:
        raise CommandError(
            f"Even an idle service needs {alone:.2f} s for 99 of 100 questions, more than the {p99:g} s of "
            "--within: keep more of what is read with --cache-bytes, or read fewer passages."
        )

    def with_answerers(number: int) -> Setup:
        return setup.model_copy(update={"answerers": number, "replicas": ample})

    def with_replicas(number: int) -> Setup:
        return setup.model_copy(update={"answerers": answerers, "replicas": number})

    def enough(number: int) -> bool:
        return _holds(with_answerers(number), p99)

    high = _that_holds(enough)
    answerers = _least(enough, high // 2 + 1, high)
    replicas = _least(lambda number: _holds(with_replicas(number), p99), min(fewest, ample), ample)
    found = with_replicas(replicas)
    return found, simulate(found)


def _holds(setup: Setup, p99: float) -> bool:
    outcome, times = simulate(setup), setup.times
    in_full_passes = times.warm.mean * (times.growth + (1 - times.growth) / times.at_once)
    work = in_full_passes + (1 - outcome.hit_rate) * times.reading.mean
    busy = setup.rate * max(work / setup.answerers, times.web.mean / setup.replicas)
    return busy <= _MOST_BUSY and Spread.of(outcome.latency).p99 <= p99


def _that_holds(holds: Callable[[int], bool]) -> int:
    """A number that holds, at most twice the least one."""
    high = 1
    while not holds(high):
        if high >= _MOST:
            raise CommandError(f"{_MOST:,} would not do it: give a larger --within or a lower --rate.")
        high = min(_MOST, high * 2)
    return high


def _least(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The least number from `low` on that holds, where `high` does and what is larger than one that does."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return high
