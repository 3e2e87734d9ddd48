"""How many requests a key may make in a minute: a token bucket for each key, in this process."""

import time
from collections.abc import Callable
from threading import Lock


class Rates:
    """Buckets that hold a minute's requests, and fill as time goes by. Thread-safe.

    `clock` tells seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        # What is left in the bucket of each key, and when that was so.
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, key: str, per_minute: int) -> float:
        """Take a request from the bucket of a key; return 0, or the seconds until there is one to take."""
        with self._lock:
            now = self._clock()
            left, then = self._buckets.get(key, (float(per_minute), now))
            left = min(float(per_minute), left + (now - then) * per_minute / 60)
            taken = left >= 1
            self._buckets[key] = (left - 1 if taken else left, now)
            return 0.0 if taken else (1 - left) * 60 / per_minute
