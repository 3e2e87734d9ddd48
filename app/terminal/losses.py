"""What a training changed: the members' held-out losses before and after, as bars."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from app.terminal.theme import (
    BAD,
    GAIN,
    LABEL,
    REST,
    WARN,
    change_style,
    counted,
    loss_change,
    mean,
    panel,
    percent_change,
)


def losses_panel(
    before: Sequence[float],
    after: Sequence[float],
    *,
    bare: float | None = None,
    questions: int | None = None,
) -> RenderableType:
    """Show each member's held-out loss before and after learning (nats per token), and the bare LLM's.

    Says so in words where the members gained nothing, or are not better than the bare LLM; and of how many
    `questions` they learned, where that is known.
    """
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
    first, last = mean([first for first, _ in pairs]), mean([last for _, last in pairs])
    if len(pairs) > 1:
        bar = LossBar(first / highest, last / highest)
        table.add_row(Text("mean", "bold"), bar, *_change(first, last, "bold "))
    learned = "" if questions is None else f"Learned from {counted(questions, 'question')}. "
    scale = f"{learned}In nats per token, on text that was held out of learning: lower is better."
    verdict = _verdict(first, last, bare)
    parts: list[RenderableType] = [Text(scale, LABEL), "", table]
    if verdict:
        parts += ["", Text(verdict, WARN)]
    return panel(
        Group(*parts),
        Text("held-out loss, before → after learning"),
    )


def _verdict(before: float, after: float, bare: float | None) -> str:
    """What the mean losses say where they say nothing good."""
    said = []
    if change_style(before, after) != GAIN:
        said.append("Learning did not lower the loss.")
    if bare is not None and change_style(bare, after) != GAIN:
        said.append("The members are not better than the bare LLM.")
    return " ".join(said)


class LossBar:
    """A thick line up to the lower of two losses, and a thin one from there to the higher one.

    The losses are shares of the width. Where the loss fell, the thick line is green; where it rose, the thin
    one is red; where it did not change in whole percent, neither has a colour.
    """

    def __init__(self, before: float, after: float) -> None:
        self.before = before
        self.after = after

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        lower, higher = (round(width * share) for share in sorted((self.before, self.after)))
        # The characters differ too, for terminals and eyes that see no colour.
        thick, thin = ("=", ".") if options.ascii_only else ("━", "╌")
        change = change_style(self.before, self.after)
        yield Segment(thick * lower, console.get_style(GAIN if change == GAIN else REST))
        yield Segment(thin * (higher - lower), console.get_style(BAD if change == BAD else REST))
        yield Segment(" " * (width - higher))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(8, options.max_width)


def _change(first: float, last: float, weight: str = "") -> tuple[Text, Text]:
    change = percent_change(first, last)
    return loss_change(first, last, weight), Text(change, weight + change_style(first, last))
