"""A book read out of a file, and what is said when that cannot be done."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self

from store.segmentation import ChapterSpan, PageSpan

Format = Literal["txt", "md", "html", "epub", "pdf", "docx"]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A book: its `text`, whose lines end with line feeds alone, where its chapters and pages are in it, and
    what the file says of it. `language` is a BCP 47 tag.
    """

    format: Format
    text: str
    chapters: Sequence[ChapterSpan]
    pages: Sequence[PageSpan] = field(default=())
    title: str | None = None
    author: str | None = None
    language: str | None = None

    def cut(self, start: int, end: int) -> Self:
        """Return the same book with `text[start:end]` alone; chapters that are left out are no more."""
        chapters = [
            replace(span, start=max(span.start, start) - start, end=min(span.end, end) - start)
            for span in self.chapters
            if self.text[max(span.start, start) : min(span.end, end)].strip()
        ]
        length = end - start
        pages = [PageSpan(page.label, max(page.start - start, 0)) for page in self.pages if page.start < end]
        # Of several pages that begin before the cut, the last is the one that it is on.
        before = max(sum(page.start <= 0 for page in pages) - 1, 0)
        return replace(
            self,
            text=self.text[start:end],
            chapters=chapters or [ChapterSpan("", 0, length)],
            pages=pages[before:],
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the book as JSON holds it, for `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, known: dict[str, Any]) -> Self:
        """Return the book that `as_dict` took apart."""
        chapters = [ChapterSpan(**span) for span in known["chapters"]]
        pages = [PageSpan(**span) for span in known["pages"]]
        return cls(**{**known, "chapters": chapters, "pages": pages})


class ParseError(Exception):
    """A file is no readable book: `slug` names why, `limits` are the bounds that it broke."""

    def __init__(self, slug: str, message: str, **limits: int) -> None:
        super().__init__(message)
        self.slug = slug
        self.limits = limits
