"""What happens in a job, as its progress and events."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy.orm import Session

from store import job_events, jobs
from store.tables import Job
from trainer.book_training import Prepared
from trainer.progress import Evaluated, Learned, Progress, Stepped
from trainer.question_writing import Unfinished
from trainer.recipe import Recipe

PhaseKind = Literal["embedding", "writing"]

_EVALUATED = {
    "before": "Held-out loss before learning.",
    "after": "Held-out loss after learning.",
    "champion": "Held-out loss of the champion, to compare with.",
}
_PHASES: dict[PhaseKind, str] = {
    "embedding": "Embeds passages",
    "writing": "Writes questions, by places of the book",
}


@dataclass(frozen=True)
class Phase:
    """How far a job's work before its training is: passages that have a vector, or places of the book about
    which questions are written. It takes `eta_seconds` more; None where that is not known yet.
    """

    kind: PhaseKind
    done: int
    total: int
    eta_seconds: float | None = None


class Pace:
    """The phases of one job, and how long each still takes at the speed that it had so far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kind: PhaseKind | None = None
        self._first, self._began = 0, 0.0

    def phase(self, kind: PhaseKind, done: int, total: int) -> Phase:
        """The phase as it is now. What was done when it was first asked about says nothing of its speed."""
        now = self._clock()
        if kind != self._kind:
            self._kind, self._first, self._began = kind, done, now
        here = done - self._first
        if done == total:
            return Phase(kind, done, total, 0.0)
        return Phase(kind, done, total, (now - self._began) / here * (total - done) if here > 0 else None)


@dataclass(frozen=True)
class TooFewSteps:
    """The time for learning was over after `steps`, of the `once` in which members read everything once."""

    steps: int
    once: int


def too_few_steps(recipe: Recipe, learned: Learned, row_tokens: int) -> TooFewSteps | None:
    """Whether members were to read everything once and had no time to; None where they had."""
    once = math.ceil(learned.text_tokens / (recipe.rows * row_tokens))
    wanted = min(once, recipe.steps(learned.text_tokens, row_tokens))
    return TooFewSteps(learned.steps, once) if learned.steps < wanted else None


def record_progress(
    session: Session, job: Job, happened: Progress | Prepared | Phase | Unfinished | TooFewSteps
) -> None:
    """Record what happened as the job's progress and events; pauses and the like are none.

    StaleTokenError: another worker has the job.
    """
    if isinstance(happened, Phase):
        message = f"{_PHASES[happened.kind]}: {happened.done:,} of {happened.total:,}."
        jobs.set_phase(session, job.id, job.token, asdict(happened))
        job_events.add(session, job.id, level="info", type="message", message=message, data=asdict(happened))
    elif isinstance(happened, Stepped):
        metrics = {
            "step": happened.step,
            "steps": happened.steps,
            "loss": happened.loss,
            "member_losses": happened.member_losses,
            "tokens_per_second": happened.tokens_per_second,
            "eta_seconds": happened.eta_seconds,
        }
        jobs.set_progress(session, job.id, job.token, metrics)
        message = f"Step {happened.step} of {happened.steps}: loss {happened.loss:.3f}."
        job_events.add(session, job.id, level="info", type="metrics", message=message, data=metrics)
    elif isinstance(happened, Evaluated):
        job_events.add(
            session,
            job.id,
            level="info",
            type="message",
            message=_EVALUATED[happened.stage],
            data={
                "kind": "evaluated",
                "stage": happened.stage,
                "bare_loss": happened.bare_loss,
                "member_losses": happened.member_losses,
            },
        )
    elif isinstance(happened, Unfinished):
        minutes = math.ceil(happened.budget_seconds / 60)
        message = (
            f"The time for writing questions was over after {happened.asked:,} of {happened.places:,} places "
            "of the book: the members learn little of the others. "
            f"A budget_seconds of about {60 * minutes} ({_counted(minutes, 'minute')}) would reach them all."
        )
        _warn(session, job, message, asdict(happened))
    elif isinstance(happened, TooFewSteps):
        message = (
            f"The time was over after {_counted(happened.steps, 'step')}, and the members would read "
            f"everything once in {happened.once:,}: that is too little to matter. "
            "Give the recipe a longer budget_seconds."
        )
        _warn(session, job, message, asdict(happened))


def _warn(session: Session, job: Job, message: str, figures: dict[str, Any]) -> None:
    """Say that the recipe's time was too short."""
    data = {"kind": "too-short", **figures}
    job_events.add(session, job.id, level="warning", type="message", message=message, data=data)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
