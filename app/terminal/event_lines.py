"""Of a job's events, those that are worth a line elsewhere than on a terminal, and how far a phase is."""

from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from app.schemas import ENDED, Job, JobEvent, Phase
from app.terminal.theme import duration

# A phase says something about as often.
_SILENT_SECONDS = 15


def phase_of(event: JobEvent) -> Phase | None:
    """How far a phase is, where that is what the event says."""
    try:
        return Phase.model_validate(event.data)
    except ValidationError:
        return None


def event_line(event: JobEvent) -> str:
    """The message of an event, with the time that is left where it says how far a phase is."""
    phase = phase_of(event)
    if phase is None or not phase.eta_seconds:
        return event.message
    return f"{event.message.removesuffix('.')}, {duration(phase.eta_seconds)} left."


def stays(event: JobEvent) -> bool:
    """Whether an event stays on a terminal, above what comes after it: it is about all that follows."""
    return event.level == "warning" or event.data.get("kind") == "budget"


def by_tenths(events: Iterable[JobEvent]) -> Iterator[JobEvent]:
    """All events, but of the counts of a phase those that say a tenth more than the one before, or that come
    a while after it and say something else.
    """
    shown, shown_at, line = None, 0, ""
    for event in events:
        phase = phase_of(event)
        if phase is not None and phase.total:
            tenth = (phase.kind, phase.done * 10 // phase.total)
            early = event.created_at - shown_at < _SILENT_SECONDS
            if tenth == shown and (early or event_line(event) == line):
                continue
            shown, shown_at, line = tenth, event.created_at, event_line(event)
        yield event


def without_passed_counts(events: Iterable[JobEvent], job: Job) -> Iterator[JobEvent]:
    """All events, but of the counts of a phase that come before where the `job` stands only the last."""
    # A job that waits or has only begun stands before its first count.
    passed = job.status in ENDED or job.phase is not None or job.progress is not None
    held: JobEvent | None = None
    for event in events:
        passed = passed and not _stands_at(job, event)
        kind = event.data.get("kind") if "total" in event.data else None
        if held is not None and held.data.get("kind") != kind:
            yield held
        held = event if passed and kind is not None else None
        if held is None:
            yield event


def _stands_at(job: Job, event: JobEvent) -> bool:
    """Whether the job was as far as the event says, or not even there."""
    if job.status in ENDED:
        return event.data.get("kind") in ENDED
    if job.phase is not None:
        done = event.data.get("done")
        return event.data.get("kind") == job.phase.kind and isinstance(done, int) and done >= job.phase.done
    return event.type == "metrics" and job.progress is not None
