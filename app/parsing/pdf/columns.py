# ruff: noqa: RUF001 - the punctuation of many languages
"""Finds the columns of a page by the white space between them, and tells them from the cells of tables.

A column begins where several lines begin, one under the other (tab stops: Smith, "Hybrid Page Layout Analysis
via Tab-Stop Detection", ICDAR 2009). The page is cut there, and its parts again, as by a recursive XY-cut
(Nagy, Seth, "Hierarchical Representation of Optically Scanned Documents", ICPR 1984).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from app.parsing.pdf.lines import LARGER, cells
from app.parsing.pdf.words import Word

Row = Sequence[Word]
# Gives the lines that are drawn across a page: left, right and height of each, in points.
Rules = Callable[[], Sequence[tuple[float, float, float]]]

_FEWEST_LINES = 4
_STOP_POINTS = 3.0
_LEAST_GUTTER = 0.7
# Prose has so many words, and letters, in a line of a column; cells of tables have fewer.
_WORDS, _LETTERS = 3, 12
# In prose, this share of lines goes on with a sentence: they do not begin with a capital or a figure.
_GOING_ON = 0.3
# Without such lines: as many lines, of which this share is nearly as long as the longest, closely set.
_MANY_LINES, _LONG, _SHARE_LONG, _CLOSE = 8, 0.7, 0.6, 1.7
# Not more of the rows of an index have lines in both columns; of a table's rows, nearly all have.
_SHARE_OF_BOTH = 0.85
# A band apart from the columns is this many lines away.
_APART = 2.5
# A heading between bands of columns is so many of their type sizes away from both.
_HEADING_APART = 1.6
_ENDS = ".!?:;…。！？؟"


@dataclass(frozen=True, slots=True)
class _Cut:
    """The rows from `first` to `last`, exclusive, stand in columns left and right of `place`, in points."""

    first: int
    last: int
    place: float


def read_columns(rows: Sequence[Row], rules: Rules) -> list[Row]:
    """Return the lines of a page's rows, column by column; rows of a table stay whole."""
    cut = _find_cut(rows, rules)
    if cut is None:
        return list(rows)
    parts: list[Sequence[Row]] = [rows[: cut.first]]
    begin = cut.first
    for first, last in [*_headings_across(rows, cut), (cut.last, cut.last)]:
        band = rows[begin:first]
        parts += [
            [part for row in band if (part := [word for word in row if (word.left < cut.place) == left])]
            for left in (True, False)
        ]
        parts.append(rows[first:last])
        begin = last
    parts.append(rows[cut.last :])
    return [line for part in parts for line in read_columns(part, rules)]


def _headings_across(rows: Sequence[Row], cut: _Cut) -> Iterator[tuple[int, int]]:
    """The headings, from the first to the last row, exclusive, between columns above and columns below.

    Such a heading is short and does not reach over the gutter, but both columns end above it and begin below.
    A letter is the heading of an index, whose columns go on.
    """
    band = rows[cut.first : cut.last]
    size = median(word.size for row in band for word in row)
    sides = [{word.left < cut.place for word in row} for row in band]
    large = [
        len(side) == 1 and _letters(row) > 2 and all(word.size >= LARGER * size for word in row)
        for side, row in zip(sides, band, strict=True)
    ]
    place = 0
    for is_large, group in groupby(large):
        first, last = place, place + len(list(group))
        place = last
        if not is_large or first == 0 or last == len(band):
            continue
        around = [(band[first - 1], band[first]), (band[last - 1], band[last])]
        near = [sides[max(first - 2, 0) : first], sides[last : last + 2]]
        if all(one[0].base - other[0].base > _HEADING_APART * size for one, other in around) and all(
            set().union(*rows_near) == {True, False} for rows_near in near
        ):
            yield cut.first + first, cut.first + last


def _find_cut(rows: Sequence[Row], rules: Rules) -> _Cut | None:
    parts = [cells(row) for row in rows]
    stops = Counter(round(cell[0].left / _STOP_POINTS) for row in parts for cell in row)
    leftmost = min((cell[0].left for row in parts for cell in row), default=0.0)
    found: list[tuple[int, _Cut]] = []
    for stop, count in stops.items():
        place = (stop - 1) * _STOP_POINTS
        if count >= _FEWEST_LINES // 2 and place > leftmost + _STOP_POINTS:
            found += _bands(parts, place)
    for _, cut in sorted(found, key=lambda each: (-each[0], each[1].place)):
        if _is_gutter(parts[cut.first : cut.last], cut.place, rules):
            return cut
    return None


def _bands(parts: Sequence[Sequence[Row]], place: float) -> Iterator[tuple[int, _Cut]]:
    """The bands of rows that nothing crosses a place in, with the lines of the side that has fewer."""
    first = 0
    for last in range(len(parts) + 1):
        if last < len(parts) and not any(cell[0].left < place < _right(cell) for cell in parts[last]):
            continue
        begin, end = _trimmed(parts, first, last, place)
        sides = [_side(parts[begin:end], place, left) for left in (True, False)]
        fewest = min(map(len, sides))
        if fewest >= _FEWEST_LINES:
            yield fewest, _Cut(begin, end, place)
        first = last + 1


def _trimmed(parts: Sequence[Sequence[Row]], first: int, last: int, place: float) -> tuple[int, int]:
    """A band without the rows at its ends that stand apart from it and on one side alone."""
    while last - first > 1 and _one_sided(parts[first], place) and _is_apart(parts[first], parts[first + 1]):
        first += 1
    while (
        last - first > 1
        and _one_sided(parts[last - 1], place)
        and _is_apart(parts[last - 2], parts[last - 1])
    ):
        last -= 1
    return first, last


def _one_sided(row: Sequence[Row], place: float) -> bool:
    return len({cell[0].left < place for cell in row}) == 1


def _is_apart(row: Sequence[Row], following: Sequence[Row]) -> bool:
    one, other = row[0][0], following[0][0]
    return one.base - other.base > _APART * min(one.size, other.size)


def _right(cell: Row) -> float:
    return max(word.right for word in cell)


def _side(parts: Sequence[Sequence[Row]], place: float, left: bool) -> list[list[Row]]:
    """The lines on one side of a place, each with its cells."""
    sides = [[cell for cell in row if (cell[0].left < place) == left] for row in parts]
    return [side for side in sides if side]


def _is_gutter(parts: Sequence[Sequence[Row]], place: float, rules: Rules) -> bool:
    """Whether the white space at a place parts columns of prose."""
    left, right = _side(parts, place, True), _side(parts, place, False)
    size = median(word.size for row in parts for cell in row for word in cell)
    begin = max(_right(row[-1]) for row in left)
    end = min(row[0][0].left for row in right)
    if end - begin < _LEAST_GUTTER * size:
        return False
    if _is_index(parts, left, right):
        return True
    if not all(map(_is_prose, (left, right))):
        return False
    if not all(map(_goes_on, (left, right))) and not all(_is_block(side, size) for side in (left, right)):
        return False
    top, bottom = parts[0][0][0].base + size, parts[-1][0][0].base
    across = [rule for rule in rules() if rule[0] < begin and end < rule[1] and bottom < rule[2] < top]
    return len(across) < 2


def _is_index(
    parts: Sequence[Sequence[Row]], left: Sequence[Sequence[Row]], right: Sequence[Sequence[Row]]
) -> bool:
    """Whether two sides are columns of short lines: drawn one after the other, and not all rows have both."""
    last = max(word.order for row in left for cell in row for word in cell)
    first = min(word.order for row in right for cell in row for word in cell)
    both = len(left) + len(right) - len(parts)
    return last < first and min(len(left), len(right)) >= _MANY_LINES and both <= _SHARE_OF_BOTH * len(parts)


def _is_prose(side: Sequence[Sequence[Row]]) -> bool:
    """Whether its lines are long enough for prose: their longest cells, as justified lines may have gaps."""
    letters = [max(_letters(cell) for cell in row) for row in side]
    # Chinese and Japanese have no spaces.
    words = [max(max(len(cell), _letters(cell) // 6) for cell in row) for row in side]
    return median(words) >= _WORDS and median(letters) >= _LETTERS


def _letters(cell: Row) -> int:
    return sum(len(word.text) for word in cell)


def _goes_on(side: Sequence[Sequence[Row]]) -> bool:
    """Whether enough of its lines go on with a sentence of the line before."""
    going_on = 0
    before = ""
    for row in side:
        text = "".join(word.text for cell in row for word in cell).strip()
        first = text[0]
        caseless = first.isalpha() and first.lower() == first.upper()
        going_on += first.islower() or (caseless and bool(before) and before[-1] not in _ENDS)
        before = text
    return going_on >= _GOING_ON * len(side)


def _is_block(side: Sequence[Sequence[Row]], size: float) -> bool:
    """Whether its lines are many, nearly equally long and closely set."""
    left = min(row[0][0].left for row in side)
    lengths = [_right(row[-1]) - left for row in side]
    bases = [row[0][0].base for row in side]
    pitch = median([one - other for one, other in pairwise(bases)] or [0.0])
    long = sum(length >= _LONG * max(lengths) for length in lengths)
    return len(side) >= _MANY_LINES and long >= _SHARE_LONG * len(side) and pitch <= _CLOSE * size
