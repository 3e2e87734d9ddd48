"""Spans of a text, in characters: chapters, pages and passages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Matter = Literal["front", "body", "back"]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ChapterSpan:
    """A chapter's title and its `text[start:end]`, which begins after the heading.

    `matter` says whether the chapter is part of the book itself ("body"), stands before it (a title page) or
    behind it (an index). `anchor` is the chapter's place in the file that the text came from.
    """

    title: str
    start: int
    end: int
    matter: Matter = "body"
    anchor: str | None = None


@dataclass(frozen=True, slots=True)
class PageSpan:
    """A page's label as printed, and where in the text it begins; it ends where the next one begins."""

    label: str
    start: int


@dataclass(frozen=True, slots=True)
class PassageSpan:
    """`text[start:end]`, within the chapter of this ordinal (counted from 0)."""

    chapter: int
    start: int
    end: int


def trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the span without white space at its ends, unless it is all white space."""
    piece = text[start:end]
    body = piece.strip()
    if body:
        start += len(piece) - len(piece.lstrip())
        yield start, start + len(body)
