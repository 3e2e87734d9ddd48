"""Books, as they are sent and shown."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from app.schemas.common import Request
from app.schemas.jobs import Job

BookState = Literal["queued", "training", "ready", "untrained"]


NAME_LENGTH = 1_000
Title = Annotated[str, Field(max_length=NAME_LENGTH)]


Language = Annotated[str, Field(max_length=60)]


def _short_together(tags: list[str]) -> list[str]:
    if sum(map(len, tags)) + len(tags) > NAME_LENGTH + 1:
        raise ValueError(f"tags have at most {NAME_LENGTH} characters together")
    return tags


class BookNames(Request):
    """What a form says of a book, where it says so."""

    title: Title | None = None
    author: Title | None = None
    language: Language | None = None
    tags: Annotated[str, Field(max_length=NAME_LENGTH)] | None = None


class JsonBook(Request):
    """A book as JSON, for callers who have its text and no file."""

    title: Title
    author: Title | None = None
    language: Language | None = None
    text: str
    tags: Annotated[list[Title], AfterValidator(_short_together)] | None = None
    recipe: dict[str, Any] | None = None


class EditBook(Request):
    """What a book is called from now on. What is left out stays; an empty author or language is taken away,
    an empty title is none.
    """

    title: Title | None = None
    author: Title | None = None
    language: Language | None = None
    tags: Annotated[list[Title], AfterValidator(_short_together)] | None = None


class NewVersion(Request):
    """A wish for another version of a book, from scratch or continued from `parent`.

    It becomes the champion if it is no worse than the one there is, with `force` in any case.
    """

    recipe: dict[str, Any] | None = None
    parent: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    force: bool = False


class Chapter(BaseModel):
    """A chapter's place in its book; a book without headings is one chapter titled "".

    `matter` tells the book itself from what stands before and behind it; `anchor` is a place in its file.
    """

    ordinal: int
    title: str
    start: int
    end: int
    matter: Literal["front", "body", "back"]
    anchor: str | None


class Book(BaseModel):
    """A book of its `owner`'s library; `sha256` is that of its file, `revision` that of its text, 1 until
    another edition comes.

    `aliases` maps a name to a version's number; `job` is the newest that learned it or will, if any.
    `warnings` say what of the file is not in the text, and why, a sentence each. Until a book is `embedded`
    it is found by its words alone, not by their meaning.
    """

    id: str
    object: Literal["book"] = "book"
    owner: str
    title: str
    author: str | None
    language: str | None
    filename: str | None
    format: str
    revision: int
    tags: list[str]
    characters: int
    sha256: str
    chapters: list[Chapter]
    passages: int
    warnings: list[str] = []
    embedded: bool
    state: BookState
    aliases: dict[str, int]
    job: str | None = None
    created_at: int


class Revision(BaseModel):
    """A text that a book has or had; `versions` are the numbers of those that learned it.

    `warnings` are those of `Book`, when this was its text.
    """

    number: int
    object: Literal["book.revision"] = "book.revision"
    sha256: str
    format: str
    filename: str | None
    characters: int
    warnings: list[str] = []
    versions: list[int]
    created_at: int


class AddedBook(BaseModel):
    """An uploaded book and the job that learns it; for bytes seen before, its latest job, if any.

    `updated` names what the upload changed of a book whose text was known: title, author, tags.
    """

    book: Book
    job: Job | None
    updated: list[str] = []
