# ruff: noqa: RUF001 - the punctuation of many languages
"""Drops running headers, footers and page numbers: lines at the same place on many pages of a PDF."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from app.parsing.pdf.lines import LARGER, text_line
from app.parsing.pdf.words import Word
from app.parsing.text.headings import find_headings

Row = Sequence[Word]

_OUTERMOST = 3
_SAME_PLACE_POINTS = 6.0
_SET_APART = 1.3
# What is further from the page's edge than this share of it is nearer to a page's text than so many sizes.
_MARGIN, _NEAR_TEXT = 0.15, 12.0
_NUMBER = re.compile(r"\d+")
_ALONE = re.compile(r"\W*\w+\W*")
_FIRST_OR_LAST = re.compile(r"^\W*(\w+)\b|\b(\w+)\W*$")
_SENTENCE_END = re.compile(r"[^\W\d_][.,;!?…।。！？،؟][\"'”’»)]*$")
_ROMAN = re.compile(r"m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_WORDS = re.compile(r"[^\W\d_]{2,}\b.*\b[^\W\d_]{2,}")
_Key = tuple[str, str | int]


@dataclass(frozen=True, slots=True)
class _Edge:
    """A row among the outermost of its page: its place among them, its text, how far the next row is."""

    page: int
    row: int
    text: str
    base: float
    size: float
    gap: float


def drop_running_lines(
    pages: Sequence[Sequence[Row]], labels: Sequence[str], heights: Sequence[float], size: float
) -> list[list[Row]]:
    """Return the rows of pages without running ones.

    `heights` of the pages and `size`, the document's usual type size, are in points.

    A running line is one of the three outermost above or below, is set apart from the text, and recurs at the
    same height on three pages (on two, in a document of at most five), beyond which no page has text. Lines
    recur if they have the same words, whatever their numbers, or if they begin or end with a number that
    counts the pages or with the label of their page. Far from the page's edge, lines of words are running
    lines only if they are near the text of some page and are no sentence. Where pages are counted so, a page
    without its number there may have it alone at its other end.
    """
    least = 3 if len(pages) > 5 else 2
    sides = [[_edges(rows, page, below) for page, rows in enumerate(pages)] for below in (False, True)]
    recurring: set[tuple[int, int]] = set()
    for below, edges in zip((False, True), sides, strict=True):
        recurring |= _recurring(edges, labels, heights, size, least, below)
    recurring |= _numbers_elsewhere([*sides[0], *sides[1]], [*labels, *labels], recurring, least)
    running: set[tuple[int, int]] = set()
    for page_edges in (*sides[0], *sides[1]):
        count = 0
        while count < len(page_edges) and (page_edges[count].page, page_edges[count].row) in recurring:
            count += 1
        while count > 0 and page_edges[count - 1].gap <= _SET_APART:
            count -= 1
        running |= {(edge.page, edge.row) for edge in page_edges[:count]}
    return [
        [row for place, row in enumerate(rows) if (page, place) not in running]
        for page, rows in enumerate(pages)
    ]


def _numbers_elsewhere(
    edges: Sequence[Sequence[_Edge]], labels: Sequence[str], recurring: set[tuple[int, int]], least: int
) -> set[tuple[int, int]]:
    """The numbers of pages that have them in another place, such as those on which chapters begin."""
    numbers = [
        (edge, [key for key in _keys(edge, label) if key[0] != "words"])
        for page_edges, label in zip(edges, labels, strict=True)
        for edge in page_edges
    ]
    found = [(edge.page, keys) for edge, keys in numbers if (edge.page, edge.row) in recurring]
    counts = Counter(key for _, keys in found for key in keys)
    sure = {key for key, count in counts.items() if count >= least}
    numbered = {page for page, keys in found if sure.intersection(keys)}
    return {
        (edge.page, edge.row)
        for edge, keys in numbers
        if edge.page not in numbered and _ALONE.fullmatch(edge.text) and sure.intersection(keys)
    }


def _edges(rows: Sequence[Row], page: int, below: bool) -> list[_Edge]:
    """The outermost rows of a page from its edge inwards; their gaps are in type sizes."""
    places = list(range(len(rows)))
    if below:
        places.reverse()
    found = []
    for place, following in zip(places[:_OUTERMOST], [*places[1:], None], strict=False):
        line = text_line(rows[place], False)
        other = None if following is None else rows[following][0]
        gap = float("inf") if other is None else abs(line.base - other.base) / max(line.size, other.size, 1.0)
        found.append(_Edge(page, place, line.text, line.base, line.size, gap))
    return found


def _recurring(
    edges: Sequence[Sequence[_Edge]],
    labels: Sequence[str],
    heights: Sequence[float],
    size: float,
    least: int,
    below: bool,
) -> set[tuple[int, int]]:
    by_key: dict[_Key, list[_Edge]] = defaultdict(list)
    for page_edges, label in zip(edges, labels, strict=True):
        for edge in page_edges:
            for key in _keys(edge, label):
                by_key[key].append(edge)
    found: set[tuple[int, int]] = set()
    for key, group in by_key.items():
        height = median(edge.base for edge in group)
        close = [edge for edge in group if abs(edge.base - height) <= _SAME_PLACE_POINTS]
        if len({edge.page for edge in close}) < least:
            continue
        if _are_headings(close, size):
            continue
        if (
            all(_in_margin(edge, heights[edge.page], below) for edge in close)
            or (key[0] != "words" and not any(_WORDS.search(edge.text) for edge in close))
            or (
                min(edge.gap for edge in close) <= _NEAR_TEXT
                and not any(_SENTENCE_END.search(edge.text) for edge in close)
                and not _has_text_beyond(edges, close, below)
            )
        ):
            found |= {(edge.page, edge.row) for edge in close}
    return found


def _are_headings(edges: Sequence[_Edge], size: float) -> bool:
    """Whether these are the headings of chapters of one page each, and not a header with their number."""
    texts = {edge.text for edge in edges}
    large = all(edge.size >= LARGER * size for edge in edges)
    return len(texts) == len(edges) and (large or all(find_headings(text, "txt") for text in texts))


def _in_margin(edge: _Edge, height: float, below: bool) -> bool:
    return edge.base < _MARGIN * height if below else edge.base > (1 - _MARGIN) * height


def _has_text_beyond(edges: Sequence[Sequence[_Edge]], running: Sequence[_Edge], below: bool) -> bool:
    """Whether a page has other text further out than these lines: they are then within the text's area."""
    height = median(edge.base for edge in running)
    own = {(edge.page, edge.row) for edge in running}
    pages = {edge.page for edge in running}
    return any(
        (height - edge.base if below else edge.base - height) > _SAME_PLACE_POINTS
        for page_edges in edges
        for edge in page_edges
        if edge.page not in pages and (edge.page, edge.row) not in own
    )


def _keys(edge: _Edge, label: str) -> Iterator[_Key]:
    yield "words", _NUMBER.sub("#", edge.text.casefold())
    for match in _FIRST_OR_LAST.finditer(edge.text):
        number = match[1] or match[2]
        if number.isdecimal() and len(number) < 6:
            yield "counts", int(number) - edge.page
        elif _ROMAN.fullmatch(number.casefold()):
            yield "counts in Roman", _roman(number.casefold()) - edge.page
        if number == label:
            yield "label", ""


def _roman(number: str) -> int:
    values = [_ROMAN_VALUES[sign] for sign in number]
    return sum(-one if one < other else one for one, other in zip(values, [*values[1:], 0], strict=True))
