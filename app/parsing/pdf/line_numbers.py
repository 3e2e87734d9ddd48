"""Drops the numbers of lines in the margins of verse and of critical editions."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.parsing.pdf.lines import WIDE_GAP, cells
from app.parsing.pdf.words import Word

Row = Sequence[Word]

_LONGEST = 5
_SAME_PLACE_POINTS = 3.0
_FEWEST = 3
# Where every line has a number, which a table may have too, as many are needed.
_FEWEST_OF_ONE = 10
# Headings and speakers stand among the lines and are not counted.
_UNCOUNTED = 2


@dataclass(frozen=True, slots=True)
class _Number:
    page: int
    row: int
    value: int
    word: Word
    parts: int


def drop_line_numbers(pages: Sequence[Sequence[Row]]) -> list[list[Row]]:
    """Return the rows of pages without the numbers of lines.

    These are numbers apart from the text on one side of it, one below the other, that grow by one step as
    many lines further down: in fives, tens, or with each line.
    """
    dropped: set[int] = set()
    for last in (False, True):
        numbers = [
            number
            for page, rows in enumerate(pages)
            for place, row in enumerate(rows)
            if (number := _number(row, page, place, last))
        ]
        dropped |= {id(number.word) for number in _of_lines(numbers)}
    return [
        [kept for row in rows if (kept := [word for word in row if id(word) not in dropped])]
        for rows in pages
    ]


def _number(row: Row, page: int, place: int, last: bool) -> _Number | None:
    """The number at one end of a row, if it stands apart from the words or alone."""
    word = row[-1] if last else row[0]
    if not word.text.isdecimal() or len(word.text) > _LONGEST or word.shift:
        return None
    if len(row) > 1:
        near = row[-2] if last else row[1]
        gap = word.left - near.right if last else near.left - word.right
        if gap <= WIDE_GAP * near.size:
            return None
    return _Number(page, place, int(word.text), word, len(cells(row)))


def _of_lines(numbers: Sequence[_Number]) -> list[_Number]:
    """Those numbers that are of lines."""
    chains: dict[int, list[list[_Number]]] = {}
    chain: list[_Number] = []
    for number in numbers:
        if chain and not _follows(chain, number):
            chain = []
        if not chain:
            chain = [number]
        elif len(chain) == 1:
            chain.append(number)
            chains.setdefault(number.value - chain[0].value, []).append(chain)
        else:
            chain.append(number)
    found: list[_Number] = []
    for step, of_step in chains.items():
        enough = _FEWEST_OF_ONE if step == 1 else _FEWEST
        sure = [number for chain in of_step if len(chain) >= enough and _has_lines(chain) for number in chain]
        if not sure:
            continue
        # On a short page there are fewer.
        least = 1 if step > 1 else _FEWEST_OF_ONE // 2
        found += [number for chain in of_step if len(chain) >= least for number in chain]
        if step > 1:
            found += [
                number
                for number in numbers
                if number.value % step == 0 and _are_aligned(number.word, sure[0].word)
            ]
    return found


def _has_lines(chain: Sequence[_Number]) -> bool:
    """Whether most of the numbers stand beside one text, not alone or in rows of a table."""
    return 2 * sum(number.parts == 2 for number in chain) >= len(chain)


def _follows(chain: Sequence[_Number], number: _Number) -> bool:
    """Whether a number goes on with numbers of lines: as many lines further down as it is larger."""
    last = chain[-1]
    step = number.value - last.value
    rows = number.row - last.row
    return (
        number.page == last.page
        and _are_aligned(number.word, last.word)
        and step > 0
        and (len(chain) == 1 or step == last.value - chain[-2].value)
        and 0 <= rows - step <= (0 if step == 1 else _UNCOUNTED)
    )


def _are_aligned(one: Word, other: Word) -> bool:
    return min(abs(one.left - other.left), abs(one.right - other.right)) <= _SAME_PLACE_POINTS
