# ruff: noqa: RUF001 - dates in many languages
"""Finds the headings of a PDF without an outline: lines in larger type that look alike through the book."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from app.parsing.pdf.lines import LARGER
from app.parsing.pdf.paragraphs import PlacedLine
from app.parsing.text.chapter_marks import ChapterMark
from app.parsing.text.headings import find_headings, heading_title
from app.parsing.text.part_names import ORDINALS

_LONGEST_HEADING = 120
_HEADING_LINES = 3
# Type that so much of the text is in is no type of headings.
_MOST_OF_TEXT = 0.25
_WORD = re.compile(r"[^\W\d_]+")
_ROMAN = {"i", "v", "x", "l", "c", "d", "m"}
# Names of months and weekdays in the languages whose chapters are found, by how they begin.
_DATE_WORD = re.compile(
    r"jan|feb|f[eé]v|mar|m[aä]r|apr|a[vb]r|ma[iyjg]|gen|ene|dic|giu|lug|ago|set|ott|ou?t|okt|jun|jul|jui|juil|"
    r"aug|ao[uû]|sep|o[ck]t|nov|d[eé][ckz]|mon|tue|wed|thu|fri|sat|sun|mo[n]|die|mit|don|fre|sam|son|"
    r"maart|mei|maandag|dinsdag|woensdag|vrijdag|zaterdag|zondag|"
    r"stycznia|lutego|kwietnia|czerwca|lipca|sierpnia|września|października|listopada|grudnia|"
    r"poniedziałek|wtorek|środa|czwartek|piątek|sobota|niedziela|"
    r"понедельник|вторник|среда|четверг|пятница|суббота|воскресенье|"
    r"lun|mer|jeu|ven|dim|mi[eé]|jue|vie|s[aá]b|dom|янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек",
    re.IGNORECASE,
)
_SMALL_DATE_WORD = re.compile(
    rf"(?:on|in|of|the|year|am|im|den|der|vom|jahre?|de|del|du|le|el|il|o|año|anno|[ºª]|st|nd|rd|th|er|г|года|{ORDINALS})",
    re.IGNORECASE,
)


def heading_marks(placed: Sequence[PlacedLine], size: float) -> list[ChapterMark]:
    """Return a mark for each heading, in text order; `size` is the document's usual type size in points.

    A heading is in larger type, is short, and is neither a single letter nor a date. Where headings of some
    sizes recur, those of other sizes are only taken if they are worded as headings are.
    """
    total = sum(each.end - each.start for each in placed)
    found: list[tuple[float, ChapterMark]] = []
    lengths: Counter[float] = Counter()
    for (_, type_size), group in groupby(placed, key=lambda each: (each.page, round(each.line.size, 1))):
        lines = list(group)
        lengths[type_size] += sum(each.end - each.start for each in lines)
        title = heading_title([each.line.text for each in lines])
        if type_size >= LARGER * size and len(lines) <= _HEADING_LINES and len(title) <= _LONGEST_HEADING:
            found.append((type_size, ChapterMark(title, lines[0].start, lines[-1].end)))
    numbers = _counted_letters([mark.title for _, mark in found])
    found = [
        (type_size, mark)
        for type_size, mark in found
        if lengths[type_size] <= _MOST_OF_TEXT * total
        and (_is_title(mark.title) or mark.title.strip(". ") in numbers)
    ]
    counts = Counter(type_size for type_size, _ in found)
    recurring = {type_size for type_size, count in counts.items() if count > 1}
    return [
        mark
        for type_size, mark in found
        if not recurring or type_size in recurring or find_headings(mark.title, "txt")
    ]


def _is_title(title: str) -> bool:
    """Whether a text may be a heading: it has more letters than one and is no date."""
    words = _WORD.findall(title)
    return sum(map(len, words)) > 1 and not _is_date(title, words)


def _is_date(title: str, words: Sequence[str]) -> bool:
    named = [word for word in words if not _SMALL_DATE_WORD.fullmatch(word)]
    return (
        any(character.isdecimal() for character in title)
        and len(named) <= 2
        and bool(named)
        and all(_DATE_WORD.match(word) for word in named)
    )


def _counted_letters(titles: Sequence[str]) -> set[str]:
    """The single letters among titles that are Roman numbers: those of a book that counts I, II, III."""
    bare = {title.strip(". ") for title in titles}
    if not {"I", "II", "III"} <= bare:
        return set()
    return {title for title in bare if len(title) == 1 and title.casefold() in _ROMAN}
