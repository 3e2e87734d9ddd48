"""What the command line shows of books that are being added: on a terminal one table, elsewhere lines."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from app.adding.entry import DONE, Entry, State
from app.terminal.theme import ACCENT, BAD, GAIN, LABEL, WARN, meter, plain, ruled_table

_STYLES: dict[State, str] = {
    "waiting": LABEL,
    "uploading": ACCENT,
    "queued": WARN,
    "learning": ACCENT,
    "ready": GAIN,
    "known": LABEL,
    "failed": BAD,
    "gone": WARN,
    "removed": WARN,
}
_WORDS: dict[State, str] = {
    "known": "here already",
    "gone": "gone; its book stays",
    "removed": "gone, and its book with it",
}
# Which rows are shown where there is no room for all: what is at work, what failed, and what comes next.
_FIRST: tuple[State, ...] = ("uploading", "learning", "failed", "queued", "waiting", "ready", "known")
# Lines of the screen that are not rows: the head, what is beneath the rows, and the line that commands leave.
_OTHER_LINES = 6


class AddingTable:
    """A row for each book, in their order; a Rich renderable as high as the terminal at most."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = {entry.number: entry for entry in entries}

    def update(self, entry: Entry) -> None:
        """Take in a change."""
        self.entries[entry.number] = entry

    def follow(self, changes: Iterable[Entry]) -> Iterator[Entry]:
        """Take in all changes; yield the entries that are done before, and each that changes what is said."""
        yield from (entry for entry in self.entries.values() if entry.state in DONE)
        for entry in changes:
            before = self.entries[entry.number]
            self.update(entry)
            # The share of what is learned changes every second.
            if (entry.state, entry.reason) != (before.state, before.reason):
                yield entry

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = max((options.height or console.height) - _OTHER_LINES, 1)
        by_turn = sorted(self.entries.values(), key=lambda entry: _FIRST.index(entry.state))
        shown = sorted(by_turn[:room], key=lambda entry: entry.number)
        yield _table(shown)
        left = len(by_turn) - len(shown)
        yield self.counts().append(f" · {left:,} not shown" if left else "", LABEL)

    def result(self, room: int) -> RenderableType:
        """The whole table where it has `room` lines, else the rows of what failed; and the counts."""
        entries = list(self.entries.values())
        shown = entries if len(entries) <= room else [each for each in entries if each.state == "failed"]
        return Group(*([_table(shown, whole_reasons=True)] if shown else []), self.counts())

    def counts(self) -> Text:
        """How many books are in each state."""
        states = Counter(entry.state for entry in self.entries.values())
        order: tuple[State, ...] = ("ready", "known", "failed", "learning", "queued", "uploading", "waiting")
        parts = [
            Text(f"{states[state]:,} {_words(state)}", _STYLES[state]) for state in order if states[state]
        ]
        return Text(" · ").join(parts)


def show_adding(console: Console, entries: Sequence[Entry], changes: Iterable[Entry]) -> list[Entry]:
    """Show books as they change, until they do no more; return them as they are then.

    On a terminal one table, elsewhere a line for each change of a state.
    """
    table = AddingTable(entries)
    if not console.is_terminal:
        for entry in table.follow(changes):
            console.print(change_line(entry), soft_wrap=True)
        console.print(table.counts(), soft_wrap=True)
        return list(table.entries.values())
    with Live(table, console=console, refresh_per_second=8) as live:
        for entry in changes:
            table.update(entry)
        # The last that is drawn, so that not even a recording of the terminal has two tables at the end.
        live.update(table.result(console.height - _OTHER_LINES))
    return list(table.entries.values())


def change_line(entry: Entry) -> Text:
    """Say in one line what became of a book."""
    line = plain(entry.name, "bold")
    if entry.title:
        line.append(" (", LABEL).append_text(plain(entry.title, LABEL)).append(")", LABEL)
    line.append(": ")
    if entry.state in ("queued", "learning") and (entry.revised or entry.known):
        line.append("a new edition, " if entry.revised else "here already, ")
    line.append(_words(entry.state), _STYLES[entry.state])
    return line.append(": ").append_text(plain(entry.reason)) if entry.reason else line


def _table(entries: Sequence[Entry], *, whole_reasons: bool = False) -> Table:
    """A row of one line for each book; with `whole_reasons` as many as the reason of a failure takes."""
    table = ruled_table()
    for column, ratio in (("file", 3), ("title", 3), ("state", 4)):
        table.add_column(column, ratio=ratio, overflow="fold")
    for entry in entries:
        cells = plain(entry.name), plain(entry.title or "", LABEL), _said(entry)
        for cell in cells:
            cell.no_wrap, cell.overflow = not (whole_reasons and entry.state == "failed"), "ellipsis"
        table.add_row(*cells[:2], _learning(entry) if entry.state == "learning" else cells[2])
    return table


def _said(entry: Entry) -> Text:
    said = Text(f"● {_words(entry.state)}", _STYLES[entry.state])
    return said.append(": ").append_text(plain(entry.reason, LABEL)) if entry.reason else said


def _learning(entry: Entry) -> Table:
    row = Table.grid(padding=(0, 1, 0, 0), expand=True)
    row.add_column(no_wrap=True)
    row.add_column(no_wrap=True, justify="right", width=4)
    row.add_column(ratio=1)
    row.add_row(_said(entry), f"{entry.share:.0%}", meter(entry.share, _STYLES[entry.state]))
    return row


def _words(state: State) -> str:
    return _WORDS.get(state, state)


def watch_status(in_step: int) -> Text:
    """What a terminal shows while nothing happens in a watched folder."""
    return Text(f"{in_step:,} in step", LABEL)
