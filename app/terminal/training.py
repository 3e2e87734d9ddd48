"""What the command line shows of a training job: on a terminal live, elsewhere a line now and then."""

from pydantic import ValidationError
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from app.client import Client, ClientError
from app.schemas import ENDED, Job, JobEvent
from app.schemas import Progress as Step
from app.terminal.event_lines import by_tenths, event_line, phase_of, stays, without_passed_counts
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
        """Show a message beside the bar, which is as full as a phase is, and full in the end. One that stays
        elsewhere leaves the bar as it is.
        """
        if stays(event):
            return
        task, numbers, kind = self._bar.tasks[0], "", event.data.get("kind")
        if (phase := phase_of(event)) is not None:
            task.total = phase.total
            task.completed = phase.done if phase.share is None else phase.share * phase.total
            numbers = f"{phase.done:,}/{phase.total:,}"
            if phase.eta_seconds:
                numbers += f" · {duration(phase.eta_seconds)} left"
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
                if stays(event):
                    console.print(plain(event.message, WARN if event.level == "warning" else ""))
                    _say_how_to_stop(console, job, event)
    else:
        shown_tenths = -1 if job.progress is None else _tenths(job.progress) - 1
        for event in by_tenths(without_passed_counts(client.follow(job.id), job)):
            progress.update(event)
            if event.type == "message":
                console.print(plain(event_line(event)))
                _say_how_to_stop(console, job, event)
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


def _say_how_to_stop(console: Console, job: Job, event: JobEvent) -> None:
    """Where it is foreseen that a learning will be worth little, nobody has to wait for it."""
    if event.data.get("foreseen") and job.status not in ENDED:
        console.print(Text(f"To stop it: bookchorus cancel {job.id}", LABEL), soft_wrap=True)


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
