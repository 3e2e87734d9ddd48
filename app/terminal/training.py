"""What the command line shows of a training job: on a terminal live, elsewhere a line now and then."""

from collections.abc import Sequence

from pydantic import ValidationError
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from app.client import Client, ClientError
from app.schemas import Job, JobEvent
from app.schemas import Progress as Step
from app.terminal.theme import (
    ACCENT,
    BAD,
    GAIN,
    LABEL,
    REST,
    change_style,
    duration,
    loss_change,
    mean,
    panel,
    plain,
    shortened,
    sparkline,
)


class TrainingProgress:
    """The progress of a job, from its events so far; a Rich renderable.

    `before` and `after` are the members' held-out losses, `bare` is the bare LLM's (nats per token); each is
    known once it is measured. `published` is the message that says what became of the version.
    """

    def __init__(self, title: str) -> None:
        self.before: list[float] = []
        self.after: list[float] = []
        self.bare: float | None = None
        self.step: Step | None = None
        self.published = ""
        self._losses: list[list[float]] = []
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

    def update(self, event: JobEvent) -> None:
        """Take in the job's next event."""
        if event.type == "metrics":
            try:
                self.step = Step.model_validate(event.data)
            except ValidationError:
                # Such as a loss that is not a number: the next step may be sound again.
                return
            self._losses.append(self.step.member_losses)
            self._bar.update(
                self._task,
                description="learns",
                total=self.step.steps,
                completed=self.step.step,
                numbers=step_line(self.step),
            )
            return
        match event.data.get("kind"), event.data.get("stage"):
            case "evaluated", "before":
                self.before = _floats(event.data.get("member_losses"))
                bare = event.data.get("bare_loss")
                self.bare = bare if isinstance(bare, int | float) else None
            case "evaluated", "after":
                self.after = _floats(event.data.get("member_losses"))
            case "published", _:
                self.published = event.message
            case "embedding" | "writing", _:
                done, total = (event.data.get(name) for name in ("done", "total"))
                if isinstance(done, int) and isinstance(total, int):
                    self._bar.update(self._task, total=total, completed=done, numbers=f"{done:,}/{total:,}")
        self._bar.update(self._task, description=plain(shortened(event.message, 48)).markup)

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = [self._title, self._bar]
        if self._losses:
            parts += ["", self._members()]
        return Group(*parts)

    def _members(self) -> RenderableType:
        """Draw each member's losses on one scale, so that the members compare."""
        every = [loss for losses in self._losses for loss in losses]
        low, high = min(every), max(every)
        table = Table.grid(padding=(0, 2, 0, 0))
        members = [list(losses) for losses in zip(*self._losses, strict=False)]
        cells: list[RenderableType] = []
        for number, losses in enumerate(members, start=1):
            cells += [
                Text(f"  member {number}", LABEL),
                Text(sparkline(losses, low, high), ACCENT),
                Text(f"{losses[-1]:.2f}    "),
            ]
        # The first half of the members in the left column, the others in the right one.
        rows = (len(members) + 1) // 2
        for row in range(rows):
            table.add_row(*cells[3 * row : 3 * row + 3], *cells[3 * (row + rows) : 3 * (row + rows) + 3])
        return table


def show_training(console: Console, client: Client, job: Job, title: str) -> Job:
    """Show a job until it ends, then what its members gained; return the job as it ended.

    Raises ClientError when the job fails or is cancelled, or when the service is lost.
    """
    progress = TrainingProgress(title)
    if console.is_terminal:
        with Live(progress, console=console, refresh_per_second=8):
            for event in client.follow(job.id):
                progress.update(event)
    else:
        shown_tenths = -1
        for event in client.follow(job.id):
            progress.update(event)
            if event.type == "message":
                console.print(plain(event.message))
            elif progress.step is not None and (tenths := _tenths(progress.step)) > shown_tenths:
                shown_tenths = tenths
                console.print(step_line(progress.step))
    ended = client.job(job.id)
    if ended.status == "failed":
        reason = ended.error.message if ended.error else "the service does not say why"
        raise ClientError(f"Learning {title} failed: {reason}")
    if ended.status == "cancelled":
        raise ClientError(f"Learning {title} was cancelled.")
    if progress.before and progress.after:
        console.print(losses_panel(progress.before, progress.after, bare=progress.bare))
    # Elsewhere than on a terminal every message was printed as it came.
    if console.is_terminal and progress.published:
        console.print(plain(progress.published))
    return ended


def losses_panel(
    before: Sequence[float], after: Sequence[float], *, bare: float | None = None
) -> RenderableType:
    """Show each member's held-out loss before and after learning (nats per token), and the bare LLM's."""
    highest = max([*before, *after, *([] if bare is None else [bare])], default=0.0) or 1.0
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(style=LABEL, justify="right", no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True, justify="right")
    if bare is not None:
        table.add_row("bare LLM", LossBar(bare / highest, bare / highest), Text(f"{bare:.2f}", LABEL), "")
    pairs = list(zip(before, after, strict=False))
    for number, (first, last) in enumerate(pairs, start=1):
        table.add_row(f"member {number}", LossBar(first / highest, last / highest), *_change(first, last))
    if len(pairs) > 1:
        first, last = mean([first for first, _ in pairs]), mean([last for _, last in pairs])
        bar = LossBar(first / highest, last / highest)
        table.add_row(Text("mean", "bold"), bar, *_change(first, last, "bold "))
    return panel(
        Group(Text("nats per token on text held out of learning; lower is better", LABEL), "", table),
        Text("what the members gained"),
    )


class LossBar:
    """A thick line up to the lower of two losses, and a thin one from there to the higher one.

    The losses are shares of the width. Where the loss fell, the thick line is green; where it rose, the thin
    one is red.
    """

    def __init__(self, before: float, after: float) -> None:
        self.before = before
        self.after = after

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        lower, higher = (round(width * share) for share in sorted((self.before, self.after)))
        # The characters differ too, for terminals and eyes that see no colour.
        thick, thin = ("=", ".") if options.ascii_only else ("━", "╌")
        yield Segment(thick * lower, console.get_style(GAIN if self.after < self.before else REST))
        yield Segment(thin * (higher - lower), console.get_style(BAD if self.after > self.before else REST))
        yield Segment(" " * (width - higher))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(8, options.max_width)


def step_line(step: Step) -> str:
    """Say where training stands: the step, its loss, the speed, and the time left."""
    parts = [
        f"step {step.step}/{step.steps}",
        f"loss {step.loss:.2f}",
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


def _change(first: float, last: float, weight: str = "") -> tuple[Text, Text]:
    change = f"{(last - first) / first:+.0%}" if first else ""
    return loss_change(first, last, weight), Text(change, weight + change_style(first, last))
