"""A book parsed from a file, and the error for a file that cannot be parsed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self

from store.errors import PlainError
from store.segmentation import ChapterSpan, PageSpan

Format = Literal["txt", "md", "html", "epub", "pdf", "docx"]


@dataclass(frozen=True, slots=True)
class ParsedBook:
    """A book: its `text`, the spans of its chapters and pages in it, and what the file says about it.

    Lines of the text end with a line feed alone. `language` is a BCP 47 tag. `warnings` are plain sentences:
    each names something of the file that is not in the text, and why.
    """

    format: Format
    text: str
    chapters: Sequence[ChapterSpan]
    pages: Sequence[PageSpan] = field(default=())
    title: str | None = None
    author: str | None = None
    language: str | None = None
    warnings: Sequence[str] = ()

    def crop(self, start: int, end: int) -> Self:
        """Return the book reduced to `text[start:end]`, without chapters that are empty then."""
        chapters = [
            replace(span, start=max(span.start, start) - start, end=min(span.end, end) - start)
            for span in self.chapters
            if self.text[max(span.start, start) : min(span.end, end)].strip()
        ]
        length = end - start
        pages = [PageSpan(page.label, max(page.start - start, 0)) for page in self.pages if page.start < end]
        # Of the pages that begin before `start`, only the last reaches into the text that is left.
        before = max(sum(page.start <= 0 for page in pages) - 1, 0)
        return replace(
            self,
            text=self.text[start:end],
            chapters=chapters or [ChapterSpan("", 0, length)],
            pages=pages[before:],
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the book as a dict that JSON can hold, for `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, known: dict[str, Any]) -> Self:
        """Return the book that `as_dict` made a dict of."""
        chapters = [ChapterSpan(**span) for span in known["chapters"]]
        pages = [PageSpan(**span) for span in known["pages"]]
        return cls(**{**known, "chapters": chapters, "pages": pages})


class ParseError(PlainError):
    """A file is not a readable book. `slug` names the reason, `limits` the limits it exceeds, by name."""

    def __init__(self, slug: str, message: str, **limits: int) -> None:
        super().__init__(message)
        self.slug = slug
        self.limits = limits
