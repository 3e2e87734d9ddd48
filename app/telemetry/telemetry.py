"""What the parts of a service report to: each answer, and each attempt at a job with what happens in it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.answering.types import Answer
from app.engine.errors import EngineClosedError
from app.telemetry.figures import Figures
from app.telemetry.logs import about
from app.telemetry.traces import Traces
from app.training.heartbeat import CancelledError
from app.training.job_runner import LeavingError
from store.errors import NotFoundError, StaleTokenError
from store.tables import Job
from trainer.progress import Stepped

log = logging.getLogger(__name__)

_OUTCOMES: dict[type[BaseException], str] = {
    CancelledError: "cancelled",
    EngineClosedError: "given-back",
    LeavingError: "given-back",
    NotFoundError: "lost",
    StaleTokenError: "lost",
}


class Telemetry:
    """The figures and traces of one service."""

    def __init__(self) -> None:
        self.figures = Figures()
        self._traces = Traces()

    def answered(self, answer: Answer) -> None:
        """An answer, or an abstention, is there."""
        self.figures.answered(answer)
        self._traces.answered(answer)

    @contextmanager
    def attempt(self, job: Job) -> Iterator[Callable[[object], None]]:
        """An attempt at a job, on this thread. What is yielded is told what happens in it: pieces of work
        that are done, and the error that ends it.
        """
        outcome = "succeeded"
        with about(job_id=job.id, book_id=job.book_id), self._traces.attempt(job) as phase_ended:

            def happened(what: object) -> None:
                nonlocal outcome
                if isinstance(what, BaseException):
                    outcome = _OUTCOMES.get(type(what), "failed")
                elif isinstance(what, Stepped):
                    self.figures.stepped(what)
                phase_ended(what)

            log.info("attempt %d at the job begins", job.attempts)
            yield happened
            log.info("the attempt at the job has ended: %s", outcome)
        self.figures.attempted(outcome)
