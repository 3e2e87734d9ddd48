"""Passages: found by words, and read with their neighbours."""

from typing import Literal

from pydantic import BaseModel

from app.schemas.common import OnPages


class Passage(OnPages):
    """A passage of a book: its `ordinal`th, counted from 0, from `start` to `end` of the book's text.

    A new edition of a book has passages of its own, with other ids. `chapter` is the chapter's title.
    """

    id: int
    object: Literal["passage"] = "passage"
    book: str
    title: str
    author: str | None
    ordinal: int
    chapter: str
    start: int
    end: int
    text: str


class FoundPassage(Passage):
    """A passage that was searched for, with how well it fits: at most 1, by meaning and words together."""

    score: float


class FoundPassages(BaseModel):
    """What a search found, the best first."""

    object: Literal["list"] = "list"
    data: list[FoundPassage]


class PassageInContext(BaseModel):
    """A passage, with those that stand before and behind it in its book, in reading order."""

    passage: Passage
    before: list[Passage]
    after: list[Passage]
