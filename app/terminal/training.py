"""What the command line shows of a training job: on a terminal live, elsewhere a line now and then."""

from collections.abc import Iterable, Iterator

from pydantic import ValidationError
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from app.client import Client, ClientError
from app.schemas import ENDED, Job, JobEvent
from app.schemas import Progress as Step
from app.terminal.losses import losses_panel
from app.terminal.theme import (
    ACCENT,
    GAIN,
    LABEL,
    REST,
    WARN,
    duration,
    mean,
    plain,
    shortened,
    sparkline,
)

# Even, so that objectives that take turns weigh the same in their mean.
_MEAN_STEPS = 20
# Elsewhere than on a terminal, a phase says something about as often.
_SILENT_SECONDS = 15


class TrainingProgress:
    """The progress of a job, from its events so far; a Rich renderable.

    `before` and `after` are the members' held-out losses, `bare` is the bare LLM's (nats per token); each is
    known once it is measured. `loss` is that of the members in training, the mean of the last steps: one
    step's depends on what was read in it. `questions` is how many are learned from, where the LLM wrote some;
    `published` is the message that says what became of the version.
    """

    def __init__(self, title: str) -> None:
        self.before: list[float] = []
        self.after: list[float] = []
        self.bare: float | None = None
        self.questions: int | None = None
        self.step: Step | None = None
        self.published = ""
        self._losses: list[list[float]] = []
        self._means: list[float] = []
        self._bar = Progress(
            SpinnerColumn(style=ACCENT),
            TextColumn("{task.description}"),
            BarColumn(None, style=REST, complete_style=ACCENT, finished_style=GAIN, pulse_style=REST),
            TextColumn("{task.fields[numbers]}"),
            auto_refresh=False,
            expand=True,
        )
        self._title = plain(title, "bold")
        self._task = self._bar.add_task("waits for the service", total=None, numbers="")

    @property
    def loss(self) -> float:
        """The mean of the members and of the last steps, in nats per token."""
        return mean(self._means[-_MEAN_STEPS:])

    def update(self, event: JobEvent) -> None:
        """Take in the job's next event."""
        if event.type == "metrics":
            try:
                self.step = Step.model_validate(event.data)
            except ValidationError:
                # Such as a loss that is not a number: the next step may be sound again.
                return
            self._losses.append(self.step.member_losses)
            self._means.append(self.step.loss)
            self._bar.update(
                self._task,
                description="learns",
                total=self.step.steps,
                completed=self.step.step,
                numbers=step_line(self.step, self.loss),
            )
            return
        self._show(event)
        match event.data.get("kind"), event.data.get("stage"):
            case "evaluated", "before":
                self.before = _floats(event.data.get("member_losses"))
                bare = event.data.get("bare_loss")
                self.bare = bare if isinstance(bare, int | float) else None
            case "evaluated", "after":
                self.after = _floats(event.data.get("member_losses"))
            case "studied", _:
                questions = event.data.get("questions")
                self.questions = questions if isinstance(questions, int) else None
            case "published", _:
                self.published = event.message

    def _show(self, event: JobEvent) -> None:
        """Show a message beside the bar, which is as full as a phase is, and full in the end. A warning
        leaves the bar as it is.
        """
        if event.level == "warning":
            return
        kind, done, total, share = (event.data.get(name) for name in ("kind", "done", "total", "share"))
        task, numbers = self._bar.tasks[0], ""
        if isinstance(done, int) and isinstance(total, int):
            task.total, task.completed = total, share * total if isinstance(share, int | float) else done
            numbers, left = f"{done:,}/{total:,}", event.data.get("eta_seconds")
            if isinstance(left, int | float) and left > 0:
                numbers += f" · {duration(left)} left"
        elif kind in ENDED:
            task.total, task.completed = 1, int(kind == "succeeded")
        else:
            task.total = None
        description = plain(shortened(event.message, 48)).markup
        self._bar.update(self._task, description=description, numbers=numbers)

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = [self._title, self._bar]
        if self._losses:
            parts += ["", self._members()]
        return Group(*parts)

    def _members(self) -> RenderableType:
        """Draw each member's losses on one scale, so that the members compare; the number is a mean, too."""
        every = [loss for losses in self._losses for loss in losses]
        low, high = min(every), max(every)
        table = Table.grid(padding=(0, 2, 0, 0))
        members = [list(losses) for losses in zip(*self._losses, strict=False)]
        cells: list[RenderableType] = []
        for number, losses in enumerate(members, start=1):
            cells += [
                Text(f"  member {number}", LABEL),
                Text(sparkline(losses, low, high), ACCENT),
                Text(f"{mean(losses[-_MEAN_STEPS:]):.2f}    "),
            ]
        # The first half of the members in the left column, the others in the right one.
        rows = (len(members) + 1) // 2
        for row in range(rows):
            table.add_row(*cells[3 * row : 3 * row + 3], *cells[3 * (row + rows) : 3 * (row + rows) + 3])
        return table


def show_training(console: Console, client: Client, job: Job) -> Job:
    """Show a job until it ends, then what changed by it; return the job as it ended.

    Elsewhere than on a terminal a line is printed for each tenth of a phase and of the steps, and more of a
    slow phase. Steps before the one where the `job` stands are left out, and so is how far a phase was
    before, but for the last.
    Raises ClientError when the job fails or is cancelled, or when the service is lost.
    """
    progress = TrainingProgress(job.title)
    if console.is_terminal:
        with Live(progress, console=console, refresh_per_second=8):
            for event in client.follow(job.id):
                progress.update(event)
                if event.level == "warning":
                    console.print(plain(event.message, WARN))
    else:
        shown_tenths = -1 if job.progress is None else _tenths(job.progress) - 1
        for event in _by_tenths(_without_passed_counts(client.follow(job.id), job)):
            progress.update(event)
            if event.type == "message":
                console.print(plain(_line(event)))
            elif progress.step is not None and (tenths := _tenths(progress.step)) > shown_tenths:
                shown_tenths = tenths
                console.print(step_line(progress.step, progress.loss), soft_wrap=True)
    ended = expect_learned(client.job(job.id))
    if progress.before and progress.after:
        view = losses_panel(progress.before, progress.after, bare=progress.bare, questions=progress.questions)
        console.print(view)
    # Elsewhere than on a terminal every message was printed as it came.
    if console.is_terminal and progress.published:
        console.print(plain(progress.published))
    return ended


def _without_passed_counts(events: Iterable[JobEvent], job: Job) -> Iterator[JobEvent]:
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


def _by_tenths(events: Iterable[JobEvent]) -> Iterator[JobEvent]:
    """All events, but of the counts of a phase those that say a tenth more than the one before, or that come
    a while after it.
    """
    shown, shown_at = None, 0
    for event in events:
        kind, done, total = (event.data.get(name) for name in ("kind", "done", "total"))
        if isinstance(done, int) and isinstance(total, int) and total:
            tenth = (kind, done * 10 // total)
            if tenth == shown and event.created_at - shown_at < _SILENT_SECONDS:
                continue
            shown, shown_at = tenth, event.created_at
        yield event


def _line(event: JobEvent) -> str:
    """The message of an event, with the time that is left where it says how far a phase is."""
    left = event.data.get("eta_seconds")
    if not isinstance(left, int | float) or left <= 0:
        return event.message
    return f"{event.message.removesuffix('.')}, {duration(left)} left."


def _stands_at(job: Job, event: JobEvent) -> bool:
    """Whether the job was as far as the event says, or not even there."""
    if job.status in ENDED:
        return event.data.get("kind") in ENDED
    if job.phase is not None:
        done = event.data.get("done")
        return event.data.get("kind") == job.phase.kind and isinstance(done, int) and done >= job.phase.done
    return event.type == "metrics" and job.progress is not None


def expect_learned(job: Job) -> Job:
    """Return a job that has ended. ClientError: it failed, or was cancelled."""
    if job.status == "failed":
        reason = job.error.message if job.error else "the service does not say why"
        raise ClientError(f"Learning {job.title} failed: {reason}")
    if job.status == "cancelled":
        raise ClientError(f"Learning {job.title} was cancelled.")
    return job


def step_line(step: Step, loss: float) -> str:
    """Say where training stands: the step, the loss in training, the speed, and the time left."""
    parts = [
        f"step {step.step}/{step.steps}",
        f"training loss {loss:.2f}",
        f"{step.tokens_per_second:,.0f} tokens/s",
    ]
    if step.eta_seconds is not None:
        parts.append(f"{duration(step.eta_seconds)} left")
    return " · ".join(parts)


def _tenths(step: Step) -> int:
    return step.step * 10 // max(step.steps, 1)


def _floats(value: object) -> list[float]:
    found = value if isinstance(value, list) else []
    return [float(item) for item in found if isinstance(item, int | float)]
