"""The table of books that are being added."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from app.adding.entry import Entry, State
from app.terminal.adding import AddingTable, change_line, show_adding
from tests.app.terminal.rendering import line_with, shown

REASON = (
    "The file is a damaged zip archive, and there is more to say of it than a line of the table has room for."
)


def entry(number: int, state: State = "waiting", *, title: str | None = None, reason: str = "") -> Entry:
    return Entry(number, Path("x"), f"tale {number}.epub", state, title=title, reason=reason)


def hundred() -> list[Entry]:
    counts: dict[State, int] = {"ready": 60, "learning": 1, "queued": 19, "uploading": 4, "waiting": 16}
    states = [state for state, count in counts.items() for _ in range(count)]
    books = [entry(number, state, title=f"[red]Tale {number}") for number, state in enumerate(states)]
    books[60] = replace(books[60], share=0.5)
    books[7] = books[7].failed(REASON)
    return books


@pytest.mark.parametrize(("width", "height"), [(60, 20), (100, 24), (200, 40)])
def test_a_hundred_books_are_one_table_no_higher_than_the_terminal(width: int, height: int) -> None:
    console = Console(record=True, width=width, height=height, file=io.StringIO())
    console.print(AddingTable(hundred()))
    lines = console.export_text().splitlines()
    assert len(lines) <= height
    text = "\n".join(lines)
    for name in ("tale 7.epub", "tale 60.epub", "tale 80.epub", "tale 83.epub", "tale 61.epub"):
        assert name in text
    assert "50%" in line_with(text, "tale 60.epub")
    assert "[red]Tale 60" in line_with(text, "tale 60.epub")
    order = [int(line.split()[1].partition(".")[0]) for line in lines if line.lstrip().startswith("tale ")]
    assert order == sorted(order)
    assert f"{100 - len(order)} not shown" in " ".join(text.split())
    assert "59 ready · 1 failed · 1 learning · 19 queued" in text


def test_at_the_end_there_is_the_whole_table_or_what_failed_with_its_whole_reason() -> None:
    table = AddingTable(hundred())
    few, all_of_them = shown(table.result(30)), shown(table.result(100))
    assert few.count(".epub") == 1
    for text in (few, all_of_them):
        assert REASON in " ".join(text.split())
    assert all_of_them.count(".epub") == 100


def test_a_terminal_shows_one_table_and_other_outputs_a_line_for_each_change() -> None:
    before = [entry(0), entry(1), entry(2).failed("It is lost.")]
    learning = entry(0, "learning", title="Tale 0")
    changes = [
        entry(0, "uploading"),
        entry(1, "uploading"),
        learning,
        replace(learning, share=0.5),
        entry(1, "known", reason="ready"),
        replace(learning, state="ready"),
    ]
    out = io.StringIO()
    ended = show_adding(Console(file=out, width=40), before, changes)
    assert [each.state for each in ended] == ["ready", "known", "failed"]
    assert out.getvalue().splitlines() == [
        "tale 2.epub: failed: It is lost.",
        "tale 0.epub: uploading",
        "tale 1.epub: uploading",
        "tale 0.epub (Tale 0): learning",
        "tale 1.epub: here already: ready",
        "tale 0.epub (Tale 0): ready",
        "1 ready · 1 here already · 1 failed",
    ]
    screen = Console(file=io.StringIO(), width=80, height=24, force_terminal=True, record=True)
    assert show_adding(screen, before, changes) == ended
    assert "It is lost." in screen.export_text()


@pytest.mark.parametrize("width", [80, 110])
def test_at_the_end_there_is_one_table(width: int) -> None:
    # A terminal that cannot erase, so that all that was drawn stays.
    out = io.StringIO()
    screen = Console(file=out, width=width, height=24, force_terminal=True, _environ={"TERM": "dumb"})
    before = [entry(0), entry(1)]
    show_adding(screen, before, [one.failed(REASON) for one in before])
    lines = out.getvalue().splitlines()
    assert sum(line.split() == ["file", "title", "state"] for line in lines) == 1
    assert sum("tale 0.epub" in line for line in lines) == 1
    assert "2 failed" in lines[-1]


def test_a_change_is_one_line_without_markup() -> None:
    revised = replace(entry(1, "queued", title="A [red]tale\n"), revised=True)
    assert change_line(revised).plain == "tale 1.epub (A [red]tale): a new edition, queued"
    assert change_line(entry(1, "gone")).plain == "tale 1.epub: gone; its book stays"
