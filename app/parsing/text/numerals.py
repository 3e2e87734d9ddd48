"""Finds headings that are Roman numerals: `IV`, `IV.`, `IV. THE HARBOUR`."""

import re
from collections.abc import Iterator

from app.parsing.list_numerals import roman
from app.parsing.text.chapter_marks import ChapterMark

_NUMERAL = re.compile(
    r"(?:\A|(?<=\n\n)|(?<=\f))[^\S\n]*(?P<heading>(?P<numeral>[IVXLC]{1,7})(?:\.?|[.:][^\S\n]+(?P<title>\S[^\n]{0,100}?)))"
    r"[^\S\n]*\n(?=\s*\n)"
)


def numeral_headings(text: str) -> list[ChapterMark]:
    """Return the headings of a text whose parts are numbered by Roman numerals, I and II at least.

    They stand between blank lines, each one above the last, or begin anew. Words behind them are all in
    capitals, which those of a list are not.
    """
    found = list(_in_sequence(text))
    return found if len(found) > 1 else []


def _in_sequence(text: str) -> Iterator[ChapterMark]:
    last = 0
    for match in _NUMERAL.finditer(text):
        title = match["title"] or ""
        number = next((n for n in (last + 1, 1) if roman(n).upper() == match["numeral"]), None)
        if number is not None and title == title.upper():
            last = number
            yield ChapterMark(match["heading"], match.start("heading"), match.end())
