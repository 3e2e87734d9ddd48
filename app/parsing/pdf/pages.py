# ruff: noqa: RUF001 - quotation marks of many languages
"""Reads the lines of a PDF's pages in the order of reading, without what only the page has."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing

import pypdfium2
from pypdfium2 import raw

from app.parsing.pdf.columns import read_columns
from app.parsing.pdf.drop_caps import settle_drop_caps
from app.parsing.pdf.line_numbers import drop_line_numbers
from app.parsing.pdf.lines import Line, page_rows, text_line
from app.parsing.pdf.raised import settle_raised
from app.parsing.pdf.running_lines import drop_running_lines
from app.parsing.pdf.words import PageWords, page_words

_PUNCTUATION = ".,;:!?\"'“”‘’«»()[]…"
_THICKEST_RULE = 2.0


def read_pages(document: pypdfium2.PdfDocument, labels: Sequence[str]) -> list[list[Line]]:
    """Return the lines of each page: columns one after the other, lines from top to bottom.

    Running headers and footers, page numbers and the numbers of lines are left out. `labels` are the pages'.
    A page that is damaged has no lines.
    """
    pages = [_words(document, number) for number in range(len(document))]
    sizes: Counter[float] = Counter()
    counts: Counter[str] = Counter()
    for page in pages:
        for word in page.words:
            sizes[round(word.size, 1)] += len(word.text)
            counts[word.text.strip(_PUNCTUATION).casefold()] += 1
    size = sizes.most_common(1)[0][0] if sizes else 0.0
    for page in pages:
        settle_drop_caps(page.words, size, counts)
        settle_raised(page.words, size)
    rows = drop_running_lines(
        [page_rows(page.words) for page in pages], labels, [page.height for page in pages], size
    )
    return [
        [text_line(row, page.rtl) for row in read_columns(kept, _rules(document, number, page))]
        + [text_line(row, False) for row in page_rows(page.turned)]
        for number, (page, kept) in enumerate(zip(pages, drop_line_numbers(rows), strict=True))
    ]


def _words(document: pypdfium2.PdfDocument, number: int) -> PageWords:
    try:
        with closing(document[number]) as page:
            return page_words(page)
    except pypdfium2.PdfiumError:
        return PageWords([], [], 0.0, 0.0, False)


def _rules(
    document: pypdfium2.PdfDocument, number: int, words: PageWords
) -> Callable[[], list[tuple[float, float, float]]]:
    """What finds the lines drawn across a page, once it is asked: left, right and height in points."""

    def find() -> list[tuple[float, float, float]]:
        found = []
        with closing(document[number]) as page:
            for each in page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH]):
                left, bottom, right, top = each.get_bounds()
                if words.rtl:
                    left, right = words.width - right, words.width - left
                if top - bottom <= _THICKEST_RULE:
                    found.append((left, right, bottom))
                else:  # a box, such as a cell or a row with a background
                    found += [(left, right, bottom), (left, right, top)]
        return found

    return find
