"""Reads the words of a PDF's page, with where they stand and how large they are."""

import ctypes
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
from pypdfium2 import raw

from app.parsing.text.text_builder import clean_text

# pdfium writes special characters for a hyphen at the end of a line, and no line end after it.
_HYPHENS = "\x02\ufffe"
_TOKEN = re.compile(rf"[^\s{_HYPHENS}]+[{_HYPHENS}]?|[{_HYPHENS}]")
# The words of which the first and the last letter tell where they stand.
_LETTERS = re.compile(r"[^\W\d_]+[,.;:!?]?")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
# Parts of a word: further apart than this share of the type size, they are two.
_WIDEST_GAP = 0.5
# The widest letters are so wide; a word that takes more room was put together of others.
_WIDEST_LETTER = 1.4


@dataclass(slots=True)
class Word:
    """A word, or a part that stands higher or lower or in other type than the rest, in points.

    `left` and `right` are counted from where the page's lines begin: from its right edge where it is written
    from right to left. `base` is the height of the line it stands on, `order` its number in the page's
    content, `lead` what is between it and the word before in that order: nothing, a space or a line end.
    `shift` is 1 for what is raised over its line and -1 for what is lowered, `glued` for what goes on without
    a space, `beside_cap` for what begins a line beside a drop cap.
    """

    text: str
    left: float
    right: float
    base: float
    size: float
    order: int
    lead: str
    rtl: bool
    shift: int = 0
    glued: bool = False
    beside_cap: bool = False


@dataclass(slots=True)
class PageWords:
    """The words of a page in the order of its content; `turned` are those written at another angle.

    `width` and `height` are of the page as it is read, in points; `rtl` tells that its lines begin at the
    right.
    """

    words: list[Word]
    turned: list[Word]
    width: float
    height: float
    rtl: bool


def page_words(page: pypdfium2.PdfPage) -> PageWords:
    """Return the words of a page. The direction of most of its letters is the page's."""
    width, height = page.get_size() if page.get_rotation() % 180 == 0 else page.get_size()[::-1]
    text_page = page.get_textpage()
    try:
        found = list(_Reading(text_page, width, height).words())
    finally:
        text_page.close()
    turns = Counter(turn for _, turn in found)
    most = turns.most_common(1)[0][0] if turns else 0
    words = [word for word, turn in found if turn == most]
    if most % 2:
        width, height = height, width
    rtl = sum(len(word.text) * (1 if word.rtl else -1) for word in words if not word.text.isdecimal()) > 0
    if rtl:
        for word in words:
            word.left, word.right = width - word.right, width - word.left
    return PageWords(words, [word for word, turn in found if turn != most], width, height, rtl)


def is_rtl(text: str) -> bool:
    """Tell whether most letters of a text are written from right to left."""
    if text.isascii():
        return False
    kinds = Counter(unicodedata.bidirectional(character) for character in text)
    return kinds["R"] + kinds["AL"] > kinds["L"]


@dataclass(slots=True)
class _Spot:
    """Where characters stand in points on the page when it is turned by `turn` quarters: upright."""

    left: float
    right: float
    base: float
    size: float
    turn: int


class _Reading:
    """Reads one page's characters from pdfium. `width` and `height` are of the page as it is stored."""

    def __init__(self, page: pypdfium2.PdfTextPage, width: float, height: float) -> None:
        self._page = page.raw
        self._width, self._height = width, height
        self._box = raw.FS_RECTF()
        self._ref = ctypes.byref(self._box)
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._matrix = raw.FS_MATRIX()
        # Base and type size of the characters on one line, by the edges of their boxes.
        self._upright: dict[tuple[float, float], tuple[float, float]] = {}

    def words(self) -> Iterator[tuple[Word, int]]:
        """Yield each word, and by how many quarters its page is turned until it is upright."""
        count = raw.FPDFText_CountChars(self._page)
        text = self._text(count)
        order = end = 0
        for token in _TOKEN.finditer(text):
            between = text[end : token.start()]
            lead = "\n" if "\n" in between or "\r" in between else " " if between else ""
            end = token.end()
            for first, last, spot in self._parts(token.group(), token.start()):
                said = _cleaned(text[first:last])
                if not said:
                    continue
                rtl = is_rtl(said)
                if rtl and self._runs_rightwards(first, last - 1):
                    said = said[::-1]
                yield Word(said, spot.left, spot.right, spot.base, spot.size, order, lead, rtl), spot.turn
                order += 1
                lead = ""

    def _text(self, count: int) -> str:
        """The page's characters, as many as pdfium counts."""
        buffer = (ctypes.c_ushort * (count + 1))()
        units = raw.FPDFText_GetText(self._page, 0, count, buffer)
        text = bytes(buffer)[: 2 * (units - 1)].decode("utf-16-le", "replace")
        if len(text) == count == units - 1:
            return text
        return "".join([chr(raw.FPDFText_GetUnicode(self._page, n)) for n in range(count)])

    def _parts(self, token: str, first: int) -> Iterator[tuple[int, int, _Spot]]:
        """The first and the last index of each part of a word, the last one exclusive, and where it is."""
        last = first + len(token)
        if _LETTERS.fullmatch(token):
            one, other = self._spot(first), self._spot(last - 1)
            if one and other and _alike(one, other):
                joined = _joined(one, other)
                if joined.right - joined.left <= _WIDEST_LETTER * one.size * len(token):
                    yield first, last, joined
                    return
        begin, spot, before = first, None, None
        for index in range(first, last):
            here = self._spot(index)
            if here is None:
                continue
            if spot and before and not _goes_on(before, here):
                yield begin, index, spot
                begin, spot = index, None
            spot = _joined(spot, here) if spot else here
            before = here
        if spot:
            yield begin, last, spot

    def _spot(self, index: int) -> _Spot | None:
        """Where a character stands; None for one that pdfium has added."""
        if not raw.FPDFText_GetLooseCharBox(self._page, index, self._ref):
            return None
        box = self._box
        left, right, low, high = box.left, box.right, box.bottom, box.top
        if high <= low and right <= left:
            return None
        style = self._upright.get((low, high))
        if style:
            return _Spot(left, right, *style, 0)
        raw.FPDFText_GetCharOrigin(self._page, index, ctypes.byref(self._x), ctypes.byref(self._y))
        size = raw.FPDFText_GetFontSize(self._page, index)
        if raw.FPDFText_GetMatrix(self._page, index, ctypes.byref(self._matrix)):
            size *= math.hypot(self._matrix.c, self._matrix.d) or 1.0
        turn = round(raw.FPDFText_GetCharAngle(self._page, index) / (math.pi / 2)) % 4
        if turn == 0:
            self._upright[low, high] = self._y.value, size
            return _Spot(left, right, self._y.value, size, 0)
        if turn == 1:
            return _Spot(self._height - high, self._height - low, self._x.value, size, 1)
        if turn == 2:
            return _Spot(self._width - right, self._width - left, self._height - self._y.value, size, 2)
        return _Spot(low, high, self._width - self._x.value, size, 3)

    def _runs_rightwards(self, first: int, last: int) -> bool:
        one, other = self._spot(first), self._spot(last)
        return one is not None and other is not None and one.left + one.right < other.left + other.right


def _cleaned(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    for mark in _HYPHENS:
        text = text.replace(mark, "-")
    return clean_text(text.translate(_LIGATURES))


def _alike(one: _Spot, other: _Spot) -> bool:
    slack = 0.05 * one.size
    return (
        one.turn == other.turn and abs(one.base - other.base) <= slack and abs(one.size - other.size) <= slack
    )


def _goes_on(before: _Spot, here: _Spot) -> bool:
    """Whether a character goes on with the word of the one before, in either direction."""
    gap = max(here.left - before.right, before.left - here.right)
    return _alike(before, here) and gap <= _WIDEST_GAP * max(before.size, 1.0)


def _joined(one: _Spot, other: _Spot) -> _Spot:
    return _Spot(min(one.left, other.left), max(one.right, other.right), one.base, one.size, one.turn)
