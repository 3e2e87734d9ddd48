"""What happens in a job, as its progress and events."""

from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy.orm import Session

from store import job_events, jobs
from store.tables import Job
from trainer.book_training import Prepared
from trainer.progress import Evaluated, Progress, Stepped

_EVALUATED = {
    "before": "Held-out loss before learning.",
    "after": "Held-out loss after learning.",
    "champion": "Held-out loss of the champion, to compare with.",
}
_PHASES = {"embedding": "Embeds passages", "writing": "Writes questions, by places of the book"}


@dataclass(frozen=True)
class Phase:
    """How far a job's work before its training is: passages that have a vector, or places of the book about
    which questions are written.
    """

    kind: Literal["embedding", "writing"]
    done: int
    total: int


def record_progress(session: Session, job: Job, happened: Progress | Prepared | Phase) -> None:
    """Record a phase, a step or an evaluation as the job's progress and events. StaleTokenError: another
    worker has it.
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
