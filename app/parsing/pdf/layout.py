"""Measures the layout of a PDF: its usual type size and line pitch, and the right edges of its columns."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from app.parsing.pdf.lines import Line

_FEWEST_LINES = 5
# The parts of table rows begin at one place, within so many points.
_SAME_CELL = 3.0
# What stands apart at the left of a line is the number or the bullet of an item up to this width.
_WIDEST_LABEL = 4.0
# A stanza of so many lines is told by capitals and a line that ends early; a longer one, and those of a page
# of verse, by capitals alone.
_STANZA, _LONG_STANZA, _CAPITALS = 4, 8, 0.8


class Layout:
    """The layout of a document, in points: `size` of most characters, `pitch` of the lines in that size."""

    def __init__(self, pages: Sequence[Sequence[Line]]) -> None:
        sizes: Counter[float] = Counter()
        for line in (line for lines in pages for line in lines):
            sizes[round(line.size, 1)] += len(line.text)
        self.size = sizes.most_common(1)[0][0] if sizes else 0.0
        body = [[line for line in lines if abs(line.size - self.size) < 0.5] for lines in pages]
        drops = [one.base - other.base for lines in body for one, other in pairwise(lines)]
        near = [drop for drop in drops if 0.8 * self.size < drop < 3 * self.size]
        self.pitch = median(near) if near else 1.2 * self.size
        self._all = [line for lines in body for line in lines]
        self._page = {id(line): lines for lines in pages for line in lines}
        self._rights: dict[tuple[int, int], float] = {}
        self._verse = {id(line) for lines in pages for line in self._verses(lines)}

    def has_room(self, line: Line, following: Line) -> bool:
        """Tell whether a line had room for the next one's first word: it was then ended on purpose."""
        if line.beside_cap and following.text[0].islower():
            return False  # such lines may be narrower than the column
        word = following.text.split(" ", 1)[0]
        width = (line.right - line.left) / max(len(line.text), 1)
        return line.right + (len(word) + 1) * width < self._column_right(line) - 0.5 * line.size

    def is_verse(self, line: Line) -> bool:
        """Tell whether a line is one of verse: most lines around it begin with a capital."""
        return id(line) in self._verse

    def are_table_rows(self, line: Line, following: Line) -> bool:
        """Tell whether the first of two lines is a row of a table, which the second does not go on with.

        Its last part stands apart at the right, or parts of both begin at the same place.
        """
        if any(abs(one - other) <= _SAME_CELL for one in line.cells[1:] for other in following.cells[1:]):
            return True
        hanging = following.left >= line.cells[-1] - _SAME_CELL
        label = len(line.cells) == 2 and line.cells[1] - line.left <= _WIDEST_LABEL * line.size
        return line.tabular and not hanging and not label and not following.text[0].islower()

    def _blocks(self, lines: Sequence[Line]) -> Iterator[list[Line]]:
        """The lines that follow one another closely in one type."""
        block: list[Line] = []
        for line in lines:
            if block and not (
                abs(line.size - block[-1].size) < 0.5 and 0 < block[-1].base - line.base <= 1.3 * self.pitch
            ):
                yield block
                block = []
            block.append(line)
        yield block

    def _verses(self, lines: Sequence[Line]) -> Iterator[Line]:
        """The lines of a page that are verse."""
        begun = [_begins_with_capital(line) for line in lines]
        all_verse = len(lines) >= _LONG_STANZA and sum(begun) >= _CAPITALS * len(lines)
        for block in self._blocks(lines):
            capitals = sum(map(_begins_with_capital, block))
            if (
                (len(block) >= _LONG_STANZA and capitals >= _CAPITALS * len(block))
                or (all_verse and capitals >= _CAPITALS * len(block))
                or (
                    len(block) >= _STANZA
                    and capitals == len(block)
                    and any(self.has_room(*pair) for pair in pairwise(block))
                )
            ):
                yield from block

    def _column_right(self, line: Line) -> float:
        """The right edge of a line's column: 90% of the lines at that place end there or before."""
        middle = (line.left + line.right) / 2
        page = self._page[id(line)]
        key = (id(page), round(middle / 10))
        if key not in self._rights:
            rights = [each.right for each in page if each.left <= middle <= each.right]
            if len(rights) < _FEWEST_LINES:
                rights = [each.right for each in self._all if each.left <= middle <= each.right] or rights
            self._rights[key] = sorted(rights)[int(0.9 * (len(rights) - 1))]
        return self._rights[key]


def _begins_with_capital(line: Line) -> bool:
    return next((sign for sign in line.text if sign.isalpha()), "").isupper()
