"""What a job does with the store is done again, until the store lets it."""

import logging
from collections.abc import Callable
from typing import TypeVar

from store.errors import StoreBusyError
from store.tables import Job

T = TypeVar("T")

# How long a job waits before it tries again where the database is locked or the bucket is away.
_RETRY_SECONDS = 1.0

log = logging.getLogger(__name__)


class Patience:
    """Of one job: `stay` waits so many seconds, and raises what ends the attempt meanwhile."""

    def __init__(self, job: Job, stay: Callable[[float], None]) -> None:
        self._job = job
        self._stay = stay

    def __call__(self, what: str, act: Callable[[], T]) -> T:
        """Do it, again where the database is locked or a server or the bucket is away; the log says so."""
        while True:
            try:
                return act()
            except StoreBusyError as error:
                log.warning("job %s waits to %s: %s", self._job.id, what, error)
            self._stay(_RETRY_SECONDS)
