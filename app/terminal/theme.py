"""The look of the command line: colours, text made safe, numbers in words, and the parts of every view.

Views are Rich renderables made of the API's shapes. Text that people or books wrote goes in as `Text` through
`plain`, never as markup, so that a title cannot colour or move anything on the terminal.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.style import Style
from rich.table import Table
from rich.text import Text

ACCENT = "#5f9ea0"
GAIN = "#87a96b"
WARN = "#d7a35f"
BAD = "#c86464"
REST = "#4a4f57"
LABEL = "dim"
# Characters of a quotation.
QUOTE = 220
BLOCKS = "▁▂▃▄▅▆▇█"
SPARKLINE = 20


def plain(text: str, style: str | Style = "") -> Text:
    """Turn foreign text into one line of printable characters, without markup, controls or line ends."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return Text(" ".join(shown.split()), style=style)


def titled(title: str, *details: str | None) -> Text:
    """A title in bold, and beneath it a dim line for each detail that there is."""
    return Text("\n").join([plain(title, "bold"), *(plain(line, LABEL) for line in details if line)])


def shortened(text: str, length: int = QUOTE) -> str:
    """Cut `text` at a word to at most `length` characters, with an ellipsis where something is left out."""
    flat = " ".join(text.split())
    if len(flat) <= length:
        return flat
    head = flat[:length]
    # Text without spaces, or with a word of half the length, is cut where it is.
    head = head[: head.rfind(" ")] if " " in head[length // 2 :] else head[:-1]
    return head.rstrip(" ,;:.") + "…"


def size(count: int) -> str:
    """Say a number of bytes as people do: 3.7 MB."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def duration(seconds: float) -> str:
    """Say a time as people do: 0.42 s, 12.3 s, 4:05, 1:04:05."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(number: int, what: str) -> str:
    """Say how many there are: 1 file, 1,200 files."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def day(seconds: int) -> str:
    """Say a moment, in seconds since 1970, as date in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def moment(seconds: int) -> str:
    """Say a moment, in seconds since 1970, as date and time of day in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def mean(values: Sequence[float]) -> float:
    """Average `values`, which are not empty."""
    return sum(values) / len(values)


def meter(share: float, style: str, *, width: int | None = None) -> ProgressBar:
    """Draw a line that is full at a share of 1."""
    share = min(max(share, 0.0), 1.0)
    return ProgressBar(1.0, share, width=width, style=REST, complete_style=style, finished_style=style)


def sparkline(values: Sequence[float], low: float, high: float, width: int = SPARKLINE) -> str:
    """Draw values as a row of at most `width` blocks, between `low` (the smallest block) and `high`."""
    count = min(len(values), width)
    groups = [
        values[len(values) * place // count : len(values) * (place + 1) // count] for place in range(count)
    ]
    span = (high - low) or 1.0
    places = [round((mean(group) - low) / span * (len(BLOCKS) - 1)) for group in groups]
    return "".join(BLOCKS[min(max(place, 0), len(BLOCKS) - 1)] for place in places)


def loss_change(before: float, after: float, weight: str = "") -> Text:
    """Show a loss before and after; the second is green where it fell and red where it rose.

    `weight` is a style that goes before the colour, such as "bold ".
    """
    return Text.assemble((f"{before:.2f} → ", LABEL), (f"{after:.2f}", weight + change_style(before, after)))


def percent_change(before: float, after: float) -> str:
    """Say by how much a loss changed: -25%, or "no change" where that rounds to nothing."""
    rounded = f"{(after - before) / before:+.0%}" if before else ""
    return "no change" if rounded in ("+0%", "-0%") else rounded


def change_style(before: float, after: float) -> str:
    """The colour of a loss that went from `before` to `after`: none where that is no change in words."""
    if percent_change(before, after) == "no change":
        return LABEL
    return GAIN if after < before else BAD if after > before else LABEL


def ruled_table(*, expand: bool = True) -> Table:
    """An empty table with a line under its head; with `expand` as wide as the terminal."""
    return Table(box=box.SIMPLE_HEAD, header_style=LABEL, border_style=REST, expand=expand, pad_edge=False)


def labelled_rows(label_width: int) -> Table:
    """An empty grid of a label, at least so wide, and what it labels."""
    rows = Table.grid(padding=(0, 2, 0, 0), expand=True)
    rows.add_column(style=LABEL, justify="right", no_wrap=True, min_width=label_width)
    rows.add_column(ratio=1)
    return rows


def panel(content: RenderableType, title: Text, subtitle: Text | None = None) -> Panel:
    """A rounded box with a title above it on the left, and a subtitle below it on the right.

    What of them does not fit ends in an ellipsis.
    """
    title.stylize(f"bold {ACCENT}")
    for text in (title, subtitle):
        if text is not None:
            text.overflow = "ellipsis"
    return Panel(
        content,
        title=title,
        title_align="left",
        subtitle=subtitle,
        subtitle_align="right",
        border_style=REST,
        box=box.ROUNDED,
        padding=(1, 1),
    )
