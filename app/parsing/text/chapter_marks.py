"""Makes chapters from the places where they begin."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from store.segmentation import ChapterSpan, Matter

# Words of the EPUB structural semantics vocabulary, of EPUB 2's guide and of DPUB-ARIA (without `doc-`).
_FRONT_OR_BACK_KINDS = {
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
_BODY_KINDS = {
    "bodymatter",
    "chapter",
    "part",
    "volume",
    "text",
    "division",
    "subchapter",
    "prologue",
    "epilogue",
}
_FRONT_OR_BACK_TITLE = re.compile(
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
class ChapterMark:
    """A chapter's heading: it begins at `start` and ends at `end`, where the chapter's text begins.

    `kinds` are the file's words, in EPUB's vocabulary, for the part that begins there.
    """

    title: str
    start: int
    end: int
    anchor: str | None = None
    kinds: frozenset[str] = frozenset()


def chapters_from_marks(
    text: str, marks: Sequence[ChapterMark], first: frozenset[str] = frozenset()
) -> list[ChapterSpan]:
    """Return the chapters that begin at `marks`, which are in the order of the text.

    Text before the first mark is a chapter without title, of the kinds `first`; so is a text without marks. A
    chapter without text (such as a line of a table of contents) is left out. A chapter that is not the book
    itself, by its kinds or title, is front matter in the first half of the text and back matter in the
    second; but if this would leave no body, all chapters are body.
    """
    stops = [mark.start for mark in marks] + [len(text)]
    begun = [ChapterMark("", 0, 0, kinds=first), *marks]
    parts = [
        (mark, stop)
        for mark, stop in zip(begun, stops, strict=True)
        if text[min(mark.end, stop) : stop].strip()
    ]
    outside_body = [_is_front_or_back(mark) for mark, _ in parts]
    spans = []
    for (mark, stop), is_outside in zip(parts, outside_body, strict=True):
        matter: Matter = "body"
        if is_outside and not all(outside_body):
            matter = "front" if mark.start < len(text) / 2 else "back"
        spans.append(ChapterSpan(mark.title, mark.end, stop, matter, mark.anchor))
    return spans or [ChapterSpan("", 0, len(text))]


def opening_kinds(text: str, marks: Sequence[ChapterMark]) -> frozenset[str]:
    """Return the kinds of the text before the first mark: front matter if it is short, else none."""
    short = bool(marks) and marks[0].start < _OPENING_SHARE * len(text)
    return frozenset({"frontmatter"}) if short else frozenset()


def is_body(kinds: Iterable[str]) -> bool | None:
    """Tell whether kinds are those of the book itself (True) or of other matter (False); None: unknown."""
    known = set(kinds)
    return False if known & _FRONT_OR_BACK_KINDS else True if known & _BODY_KINDS else None


def _is_front_or_back(mark: ChapterMark) -> bool:
    inner = is_body(mark.kinds)
    return bool(_FRONT_OR_BACK_TITLE.fullmatch(mark.title)) if inner is None else not inner
