"""Makes rows of a page's words by where they stand, and lines of text of the words of a row."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.parsing.pdf.directions import in_logical_order, signs
from app.parsing.pdf.words import Word

# Words stand on one line if their bases differ by less than this share of their size.
_SAME_BASE = 0.15
# Words that were not drawn one behind the other are apart from this share of their size on.
_SPACE = 0.15
# With a space of pdfium's between them, from this share on.
_LEAST_SPACE = 0.05
# From this gap on, as a share of the type size, words of a row may be of two columns or cells.
WIDE_GAP = 0.75
# Headings are so much larger than the document's usual type.
LARGER = 1.15
# Cells of tables are so far apart, and further than other words of their line: justified lines are even.
_CELL_GAP, _WIDER, _FAR = 1.5, 1.6, 3.0
# The number of a note, with the space behind it, in front of a comma or the like.
_NOTE_BEFORE_SIGN = re.compile(r"(\[[^\[\]]+\]) (?=[,;:.!?])")
# Dot leaders in front of a page number.
_LEADERS = re.compile(r"(?:\s*\.){5,}\s*")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, in points: where it begins and ends, the height of its base, and its type's size.

    `left` and `right` are counted as those of `Word`. `cells` are the places where its parts begin that stand
    apart, `tabular` tells that they stand far apart; `beside_cap` is as that of `Word`.
    """

    text: str
    left: float
    right: float
    base: float
    size: float
    cells: tuple[float, ...] = ()
    tabular: bool = False
    beside_cap: bool = False

    @property
    def top(self) -> float:
        """The height of the upper edge of its type."""
        return self.base + self.size


def page_rows(words: Sequence[Word]) -> list[list[Word]]:
    """Return the words of each line across the page, from left to right, the topmost line first."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda word: -word.base):
        if rows and rows[-1][0].base - word.base <= _SAME_BASE * min(word.size, rows[-1][0].size):
            rows[-1].append(word)
        else:
            rows.append([word])
    for row in rows:
        row.sort(key=lambda word: word.left)
    return rows


def cells(row: Sequence[Word]) -> list[list[Word]]:
    """Return the parts of a row between its wide gaps."""
    found: list[list[Word]] = []
    right = 0.0
    for word in row:
        if found and (word.glued or word.left - right <= WIDE_GAP * word.size):
            found[-1].append(word)
        else:
            found.append([word])
        right = max(right, word.right)
    return found


def _cell_starts(row: Sequence[Word]) -> tuple[float, ...]:
    """Where the cells of a row of a table begin: behind gaps that are wider than the others of its line."""
    parts = cells(row)
    if len(parts) == 1:
        return (parts[0][0].left,)
    gaps = sorted(one.left - other.right for other, one in pairwise(row))
    found = [parts[0][0].left]
    for before, part in pairwise(parts):
        gap = part[0].left - max(word.right for word in before)
        size = part[0].size
        if gap >= _CELL_GAP * size and (gap >= _FAR * size or gap > _WIDER * gaps[len(gaps) // 2]):
            found.append(part[0].left)
    return tuple(found)


def text_line(row: Sequence[Word], rtl: bool) -> Line:
    """Return the line of a row's words; `rtl` as that of `PageWords`."""
    sizes: Counter[float] = Counter()
    for word in row:
        sizes[word.size] += 0 if word.shift else len(word.text)
    text = _LEADERS.sub(" … ", " ".join(_said(row, rtl).split()))
    left, right = min(word.left for word in row), max(word.right for word in row)
    starts = _cell_starts(row)
    tabular = len(starts) > 1 and any(
        one.left - other.right >= _FAR * one.size for other, one in pairwise(row)
    )
    beside_cap = any(word.beside_cap for word in row)
    return Line(text, left, right, row[0].base, sizes.most_common(1)[0][0], starts, tabular, beside_cap)


def _said(row: Sequence[Word], rtl: bool) -> str:
    """The text of a row's words, with what is between them."""
    if any(word.rtl for word in row):
        return _said_two_ways(row, rtl)
    if rtl and any(letter.isalpha() for word in row for letter in word.text):
        row = row[::-1]
    between = ["", *(_between(*pair) for pair in pairwise(row))]
    said = "".join(part for word, space in zip(row, between, strict=True) for part in (space, word.text))
    return _NOTE_BEFORE_SIGN.sub(r"\1", said) if any(word.shift for word in row) else said


def _said_two_ways(row: Sequence[Word], rtl: bool) -> str:
    """The text of a row that has words written from right to left."""
    shown: list[str] = []
    for before, word in pairwise([None, *row]):
        assert word is not None
        part = [word.text] if word.shift else signs(word.text)
        if word.rtl != rtl:
            part.reverse()
        if before is not None and not word.glued and _are_parted_two_ways(before, word):
            shown.append(" ")
        shown += part
    if rtl:
        shown.reverse()
    from_right = rtl or not any(unicodedata.bidirectional(letter) == "L" for sign in shown for letter in sign)
    return in_logical_order(shown, from_right)


def _between(before: Word, word: Word) -> str:
    """What is between two words: pdfium's space where they were drawn one behind the other."""
    gap = _gap(before, word)
    if word.glued:
        return ""
    if word.order == before.order + 1 and word.lead == " ":
        return " "
    if word.order == before.order + 1 and not word.lead and gap <= WIDE_GAP * word.size:
        return ""
    return " " if gap > _SPACE * min(word.size, before.size) else ""


def _are_parted_two_ways(one: Word, other: Word) -> bool:
    """Whether there is a space between words; where directions change, pdfium's may be in another place."""
    drawn = abs(one.order - other.order) == 1 and max(one, other, key=lambda word: word.order).lead == " "
    return _gap(one, other) > (_LEAST_SPACE if drawn else _SPACE) * min(one.size, other.size)


def _gap(one: Word, other: Word) -> float:
    return max(other.left - one.right, one.left - other.right)
