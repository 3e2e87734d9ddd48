"""Room for the asks that wait: so many, on threads of their own, so that nothing else waits for them."""

from collections.abc import Iterator
from contextlib import contextmanager

from anyio import CapacityLimiter

from app.http.problems import Problem

# As many as anyio has for everything else.
_THREADS = 40


class AskRoom:
    """Lets in at most `most` asks at once; `threads` are those on which they are worked on."""

    def __init__(self, most: int) -> None:
        self.threads = CapacityLimiter(_THREADS)
        self._most = most
        self._taken = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """A place for one ask. Raises Problem asks-full where there is none."""
        if self._taken >= self._most:
            told = f"{self._most} asks are waiting already: try again in a moment."
            raise Problem(503, "asks-full", told, {"Retry-After": "5"}, limit=self._most)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
