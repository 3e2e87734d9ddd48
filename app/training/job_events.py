"""What happens in a job, as its progress and events."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy.orm import Session

from app.training.time_budget import Foreseen, OnTop, TooFewSteps
from store import job_events, jobs
from store.tables import Job
from trainer.book_training import Prepared
from trainer.progress import Evaluated, Progress, Stepped
from trainer.question_writing import Unfinished

PhaseKind = Literal["embedding", "writing", "trial"]

_EVALUATED = {
    "before": "Held-out loss before learning.",
    "after": "Held-out loss after learning.",
    "champion": "Held-out loss of the champion, to compare with.",
}
_PHASES: dict[PhaseKind, str] = {
    "embedding": "Embeds passages",
    "writing": "Writes questions about chosen passages",
    "trial": "Asks held-out questions, with members and without",
}


@dataclass(frozen=True)
class Phase:
    """How far a job's work before and after its training is: passages that have a vector, passages chosen
    from the book about which questions are written, or questions of the trial that all who are compared were
    asked. A `share` of it is done, 0 to 1, which counts what is in hand, too. It takes `eta_seconds` more;
    None where that is not known yet.
    """

    kind: PhaseKind
    done: int
    total: int
    share: float
    eta_seconds: float | None = None


class Pace:
    """The phases of one job, and how long each took and still takes at the speed that it had so far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kind: PhaseKind | None = None
        self._first, self._last, self._began = 0.0, 0.0, 0.0
        self.elapsed = 0.0

    def phase(
        self, kind: PhaseKind, done: float, total: int, most: float = math.inf, until: int = 0
    ) -> Phase:
        """The phase as it is now. What was done when it was first asked about says nothing of its speed. It
        ends after `most` seconds, or when `until` so many are done if that is later. Where less is done than
        before, it has begun anew.
        """
        now = self._clock()
        if kind != self._kind or done < self._last:
            self._kind, self._first, self._began = kind, done, now
        self._last = done
        self.elapsed = now - self._began
        here, left = done - self._first, None
        if done == total:
            left = 0.0
        elif here > 0:
            each = self.elapsed / here
            left = max(0.0, min(each * (total - done), max(most - self.elapsed, each * (until - done))))
        return Phase(kind, int(done), total, done / total if total else 1.0, left)


Happened = Progress | Prepared | Phase | OnTop | Unfinished | TooFewSteps | Foreseen


def record_progress(session: Session, job: Job, happened: Happened) -> None:
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
    elif isinstance(happened, OnTop):
        message, data = _on_top(happened), {"kind": "budget", **asdict(happened)}
        job_events.add(session, job.id, level="info", type="message", message=message, data=data)
    elif isinstance(happened, Unfinished | TooFewSteps | Foreseen):
        foreseen, what = False, happened
        if isinstance(what, Foreseen):
            foreseen, what = True, what.what
        data = {"kind": "too-short", **asdict(what), "foreseen": foreseen}
        minutes = math.ceil(what.budget_seconds / 60)
        enough = f"A budget_seconds of about {60 * minutes} ({_counted(minutes, 'minute')})"
        message = f"{_too_short(what, foreseen)} {enough} would be enough."
        job_events.add(session, job.id, level="warning", type="message", message=message, data=data)


def _on_top(what: OnTop) -> str:
    """What the time of a recipe is for, and what takes time beside it."""
    minutes, rest = divmod(what.seconds, 60)
    time = _counted(int(minutes), "minute") if minutes and not rest else f"{what.seconds:g} seconds"
    verb = "is" if time == "1 minute" else "are"
    work = "writing questions and learning" if what.writes else "learning"
    if what.embeds and what.tries:
        beside = "embedding comes before that, and the trial after"
    else:
        beside = "embedding comes before that" if what.embeds else "the trial comes after that"
    return f"{time} {verb} for {work}; {beside}."


def _too_short(what: Unfinished | TooFewSteps, foreseen: bool) -> str:
    """For what the recipe's time was too short or, where that is `foreseen`, will be."""
    if isinstance(what, Unfinished):
        if foreseen:
            return (
                f"There is time to write questions about some {what.asked:,} of {what.places:,} chosen "
                "passages of the book: the members will learn little of the others."
            )
        return (
            f"The time for writing questions was over after {what.asked:,} of {what.places:,} chosen "
            "passages of the book: the members learn little of the others."
        )
    steps = _counted(what.steps, "step")
    time = f"There is time for some {steps}" if foreseen else f"The time was over after {steps}"
    return f"{time} of the {what.once:,} in which members read everything once: that is too little to matter."


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
