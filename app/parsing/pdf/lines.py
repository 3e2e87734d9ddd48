"""The lines of a PDF's page, with where they stand and how large they are printed."""

import ctypes
import re
from dataclasses import dataclass

import pypdfium2
from pypdfium2 import raw

from app.parsing.text.blocks import clean

# pdfium has a sign of its own for the hyphen at a line's end, and then no end of the line.
_HYPHEN = re.compile("[\x02\ufffe]")
_ENDED = re.compile("(?<=\n)|(?<=[\x02\ufffe])")
# Dots that lead to a page's number.
_LEADERS = re.compile(r"(?:\s*\.){5,}\s*")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; `left`, `right`, `bottom` and `top` are in points from the page's lower left corner,
    `size` is its type's, in points.
    """

    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float


def lines(page: pypdfium2.PdfPage) -> list[Line]:
    """Return a page's lines of text in the order of its content."""
    text_page = page.get_textpage()
    try:
        return _lines(text_page)
    finally:
        text_page.close()


def _lines(page: pypdfium2.PdfTextPage) -> list[Line]:
    found = []
    units = 0  # of UTF-16, as pdfium counts
    for piece in _ENDED.split(page.get_text_range()):
        begin, units = units, units + len(piece.encode("utf-16-le", "surrogatepass")) // 2
        text = " ".join(clean(_HYPHEN.sub("-", piece).translate(_LIGATURES)).split())
        if text:
            before = len(piece) - len(piece.lstrip())
            after = len(piece) - len(piece.rstrip())
            first, last = (
                raw.FPDFText_GetCharIndexFromTextIndex(page.raw, index)
                for index in (begin + before, units - after - 1)
            )
            left, bottom, _, top = _box(page, first)
            _, bottom_of_last, right, top_of_last = _box(page, last)
            size = raw.FPDFText_GetFontSize(page.raw, first)
            text = _LEADERS.sub(" … ", text)
            found.append(
                Line(text, left, right, min(bottom, bottom_of_last), max(top, top_of_last), float(size))
            )
    return found


def _box(page: pypdfium2.PdfTextPage, index: int) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of a character with the space that its type gives it."""
    box = raw.FS_RECTF()
    if index < 0 or not raw.FPDFText_GetLooseCharBox(page.raw, index, ctypes.byref(box)):
        return 0.0, 0.0, 0.0, 0.0
    return box.left, box.bottom, box.right, box.top
