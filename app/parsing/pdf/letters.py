"""Where the letters of a PDF's page stand, and which of them go together."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce

from app.parsing.pdf.directions import has_rtl

# Letters of a word: further apart than this share of the type size, they are of two; a bracket or a comma
# from the smaller share on, for pdfium may put the space beside it on its other side.
_WIDEST_GAP, _WIDEST_BESIDE_SIGN = 0.5, 0.15


@dataclass(slots=True)
class Spot:
    """Where characters stand in points on the page when it is turned by `turn` quarters: upright."""

    left: float
    right: float
    base: float
    size: float
    turn: int


@dataclass(slots=True)
class Sign:
    """A letter, or two that are one sign, with the marks on it, and where it stands."""

    text: str
    spot: Spot
    marks: list[str] = field(default_factory=list)


def alike(one: Spot, other: Spot) -> bool:
    """Whether two stand on one line in one type."""
    slack = 0.05 * one.size
    return (
        one.turn == other.turn and abs(one.base - other.base) <= slack and abs(one.size - other.size) <= slack
    )


def goes_on(before: Spot, here: Spot, widest: float = _WIDEST_GAP) -> bool:
    """Whether a character goes on with the word of the one before, in either direction.

    `widest` is the widest gap in a word, as a share of the type size.
    """
    gap = max(here.left - before.right, before.left - here.right)
    return alike(before, here) and gap <= widest * max(before.size, 1.0)


def joined(one: Spot, other: Spot) -> Spot:
    """Return where two stand together."""
    return Spot(min(one.left, other.left), max(one.right, other.right), one.base, one.size, one.turn)


def parts_of_signs(signs: Sequence[Sign]) -> Iterator[tuple[str, Spot]]:
    """Part a word where its signs stand apart or its direction changes; yield each part's text and place.

    Signs written from right to left are in the order of reading, others from left to right.
    """
    part: list[Sign] = []
    for sign in signs:
        if part and not _is_of_word(part[-1], sign):
            yield _in_order(part)
            part = []
        part.append(sign)
    if part:
        yield _in_order(part)


def _is_of_word(before: Sign, sign: Sign) -> bool:
    letters = before.text.isalnum() and sign.text.isalnum()
    one_way = has_rtl(before.text) == has_rtl(sign.text)
    return one_way and goes_on(before.spot, sign.spot, _WIDEST_GAP if letters else _WIDEST_BESIDE_SIGN)


def _in_order(part: Sequence[Sign]) -> tuple[str, Spot]:
    ordered = sorted(part, key=lambda sign: sign.spot.left, reverse=has_rtl(part[0].text))
    text = "".join(sign.text + "".join(sorted(sign.marks, key=unicodedata.combining)) for sign in ordered)
    return text, reduce(joined, (sign.spot for sign in part))
