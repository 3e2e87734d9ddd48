"""From the places where chapters begin to chapters."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from store.segmentation import ChapterSpan, Matter

# Words of EPUB's structural semantics vocabulary, of EPUB 2's guide and of DPUB-ARIA (without `doc-`).
_APART = {
    *(
        "cover",
        "frontmatter",
        "backmatter",
        "titlepage",
        "title-page",
        "halftitlepage",
        "halftitle",
        "imprint",
    ),
    *("copyright-page", "copyright", "dedication", "epigraph", "toc", "toc-brief", "landmarks", "loi", "loa"),
    *(
        "lot",
        "lov",
        "acknowledgments",
        "acknowledgements",
        "contributors",
        "other-credits",
        "credits",
        "errata",
    ),
    *("colophon", "seriespage", "index", "glossary", "bibliography", "endnotes", "rearnotes", "footnotes"),
    *("notes", "pagelist", "page-list"),
}
_INNER = {"bodymatter", "chapter", "part", "volume", "text", "division", "subchapter", "prologue", "epilogue"}
_APART_TITLE = re.compile(
    r"(?:\d[\d.]* +)?"
    r"(?:cover|title[ -]?page|half[ -]?title|copyright(?: page| notice)?|imprint|dedication|colophon|"
    r"(?:table of )?contents|list of (?:illustrations|figures|tables)|(?:general |subject )?index|"
    r"bibliography|glossary|references|about the authors?|also by .{1,40}|acknowledge?ments|"
    r"titelblatt|inhalt(?:sverzeichnis|sübersicht)?|impressum|widmung|register|literaturverzeichnis|"
    r"page de titre|table des matières|sommaire|dédicace|bibliographie|remerciements|"
    r"índice|índice general|dedicatoria|bibliografía|indice|оглавление|содержание|目录|目錄|目次|版权页"
    r")[.:]?",
    re.IGNORECASE,
)

_OPENING_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Mark:
    """A chapter begins at `start` and its text at `end`, behind the heading.

    `kinds` are the words that the file has for what begins there, in EPUB's vocabulary.
    """

    title: str
    start: int
    end: int
    anchor: str | None = None
    kinds: frozenset[str] = frozenset()


def chapters(text: str, marks: Sequence[Mark], first: frozenset[str] = frozenset()) -> list[ChapterSpan]:
    """Return the chapters that begin at `marks`, which are in the text's order.

    Text before the first mark is a chapter without a title and of the kinds `first`, and so is a text without
    marks. What has nothing in it (a line of a table of contents) is left out. What is not the book itself, by
    its kinds or title, is front matter in the first half of the text and back matter in the second, unless
    there is nothing else.
    """
    stops = [mark.start for mark in marks] + [len(text)]
    begun = [Mark("", 0, 0, kinds=first), *marks]
    parts = [
        (mark, stop)
        for mark, stop in zip(begun, stops, strict=True)
        if text[min(mark.end, stop) : stop].strip()
    ]
    apart = [_is_apart(mark) for mark, _ in parts]
    spans = []
    for (mark, stop), aside in zip(parts, apart, strict=True):
        matter: Matter = "body"
        if aside and not all(apart):
            matter = "front" if mark.start < len(text) / 2 else "back"
        spans.append(ChapterSpan(mark.title, mark.end, stop, matter, mark.anchor))
    return spans or [ChapterSpan("", 0, len(text))]


def opening(text: str, marks: Sequence[Mark]) -> frozenset[str]:
    """Return the kinds of what stands before a table of contents' first entry: front matter, if short."""
    short = bool(marks) and marks[0].start < _OPENING_SHARE * len(text)
    return frozenset({"frontmatter"}) if short else frozenset()


def says(kinds: Iterable[str]) -> bool | None:
    """Tell whether words of EPUB's vocabulary name the book itself: True, False, or None for neither."""
    known = set(kinds)
    return False if known & _APART else True if known & _INNER else None


def _is_apart(mark: Mark) -> bool:
    inner = says(mark.kinds)
    return bool(_APART_TITLE.fullmatch(mark.title)) if inner is None else not inner
