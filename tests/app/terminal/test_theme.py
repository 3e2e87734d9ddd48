import pytest

from app.terminal.theme import duration, shortened, size, sparkline


def test_a_sparkline_falls_as_its_values_fall() -> None:
    assert sparkline([8, 7, 6, 5, 4, 3, 2, 1], 1, 8) == "█▇▆▅▄▃▂▁"
    assert sparkline([2, 2], 2, 2) == "▁▁"
    assert sparkline([1] * 50 + [8] * 50, 1, 8, width=4) == "▁▁██"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.123, "0.12 s"), (12.34, "12.3 s"), (245, "4:05"), (3845, "1:04:05")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1843200, "1.8 MB"), (2 * 10**12, "2000 GB")]
)
def test_sizes(count: int, words: str) -> None:
    assert size(count) == words


def test_a_quote_is_cut_at_a_word() -> None:
    assert shortened("once upon a time", 12) == "once upon a…"
    assert shortened("once\n upon", 12) == "once upon"
    assert len(shortened("x" * 500, 100)) == 100
