"""What the command line shows of jobs."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from app.schemas import Job, JobStatus
from app.terminal.theme import ACCENT, BAD, GAIN, LABEL, WARN, duration, moment, plain, ruled_table, titled

_STYLES: dict[JobStatus, str] = {
    "queued": WARN,
    "running": ACCENT,
    "succeeded": GAIN,
    "failed": BAD,
    "cancelled": LABEL,
}


def jobs_table(jobs: Sequence[Job]) -> RenderableType:
    """Show which book each job learns, how far it is, when it ends or ended, and what came of it."""
    if not jobs:
        return Text.assemble("No such jobs. Learn a book with: ", ("bookchorus add FILE", "bold"))
    table = ruled_table()
    # At least as wide as an id, so that it can be copied from one line.
    table.add_column("job", ratio=1, width=20, overflow="fold")
    table.add_column("status", no_wrap=True)
    table.add_column("phase", no_wrap=True)
    table.add_column("step", justify="right", no_wrap=True)
    table.add_column("when (UTC)", no_wrap=True)
    for job in jobs:
        phase, step = _place(job)
        what = titled(job.title, job.id)
        if reason := _reason(job):
            what.append("\n").append_text(reason)
        table.add_row(what, Text(f"● {job.status}", _STYLES[job.status]), phase, step, _when(job))
    return table


def _place(job: Job) -> tuple[str, str]:
    """The phase that a job is in, and how much of it is done."""
    if job.phase is not None:
        return job.phase.kind, f"{job.phase.done:,}/{job.phase.total:,}"
    phase = "learning" if job.status == "running" and job.progress is not None else ""
    return phase, "" if job.progress is None else f"{job.progress.step:,}/{job.progress.steps:,}"


def _when(job: Job) -> str:
    """How long the phase of a running job still takes, where that is known; of another one when it ended,
    began, or was queued.
    """
    now = job.phase or job.progress
    if job.status == "running" and now is not None and now.eta_seconds is not None:
        # On two lines, as the title and the id are: it says nothing of the phases that follow.
        return f"{duration(now.eta_seconds)} left\nof this phase"
    return moment(job.finished_at or job.started_at or job.created_at)


def _reason(job: Job) -> Text | None:
    if job.error is not None:
        return plain(job.error.message, BAD)
    if job.detail is not None:
        return plain(job.detail, WARN)
    return None if job.version is None else Text(f"version {job.version}", GAIN)
