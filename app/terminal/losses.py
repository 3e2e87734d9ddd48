"""What members gained by a training: their held-out losses before and after, as bars."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from app.terminal.theme import BAD, GAIN, LABEL, REST, change_style, loss_change, mean, panel


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


def _change(first: float, last: float, weight: str = "") -> tuple[Text, Text]:
    change = f"{(last - first) / first:+.0%}" if first else ""
    return loss_change(first, last, weight), Text(change, weight + change_style(first, last))
