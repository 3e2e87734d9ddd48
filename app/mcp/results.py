"""What the tools give: its shape for programs, and its words for the LLM that reads them."""

from collections.abc import Sequence

from pydantic import BaseModel

from app.schemas import Answer, Book, BookState, Citation, FoundPassage, Passage

# Places that are told where there is no answer.
_CLOSEST = 3


class Place(BaseModel):
    """A place in a book: the sentence that says the answer, where one does, and the passage around it."""

    passage: int
    book: str
    title: str
    author: str | None
    chapter: str
    page: str | None
    sentence: str | None
    text: str


class AskResult(BaseModel):
    """An answer with the places that it was read in; without one, `declined` says why, and these are the
    closest.

    The confidence is the probability that the answer is right where it is `calibrated`, else how well the
    members agree. `note` says why the answer is less than it could be, and whose members do not answer.
    """

    answer: str | None
    declined: str | None
    confidence: float
    calibrated: bool
    citations: list[Place]
    note: str | None

    @classmethod
    def of(cls, answer: Answer) -> "AskResult":
        """What is told of an answer of the API."""
        silent = [
            f"the members of version {one.version} do not answer: {one.detail}" for one in answer.left_out
        ]
        notes = [note for note in (answer.note, *silent) if note is not None]
        return cls(
            answer=answer.answer,
            declined=None if answer.abstained is None else answer.abstained.detail,
            confidence=answer.confidence,
            calibrated=answer.calibrated,
            citations=[_place(each) for each in answer.read_in or answer.citations[:_CLOSEST]],
            note="; ".join(notes) or None,
        )

    def words(self) -> str:
        """The answer or the refusal, how sure it is, and the places."""
        sure = f"{'Confidence' if self.calibrated else 'Agreement of the members'}: {self.confidence:.0%}"
        if self.declined is None:
            parts, heading = [f"{self.answer}", sure], "Read in:"
        else:
            parts, heading = [f"No answer is given: {self.declined}", sure], "Closest places:"
        if self.note is not None:
            parts.append(f"Note: {self.note}")
        if self.citations:
            quotes = [
                f"- {_where(each.title, each.author, each.chapter, each.page)}, passage {each.passage}:\n"
                f"  {each.sentence or each.text}"
                for each in self.citations
            ]
            parts.append("\n".join([heading, *quotes]))
        return "\n\n".join(parts)


class SearchResult(BaseModel):
    """Passages that fit a query, the best first."""

    passages: list[FoundPassage]

    def words(self) -> str:
        """The passages with their places."""
        return _told(self.passages) if self.passages else "No passage was found."


class PassageResult(BaseModel):
    """Passages that stand together, in reading order; `passage` is the id of the one that was asked for."""

    passage: int
    passages: list[Passage]

    def words(self) -> str:
        """The passages with their places."""
        return _told(self.passages)


class ListedBook(BaseModel):
    """A book; `ready` once its members have learned it, and it can be asked before that, too."""

    id: str
    title: str
    author: str | None
    language: str | None
    tags: list[str]
    chapters: int
    passages: int
    state: BookState

    @classmethod
    def of(cls, book: Book) -> "ListedBook":
        """What is told of a book of the API."""
        told = book.model_dump(include={"id", "title", "author", "language", "tags", "passages", "state"})
        return cls(**told, chapters=len(book.chapters))


class BooksResult(BaseModel):
    """The books of the library, newest first."""

    books: list[ListedBook]

    def words(self) -> str:
        """A line for each book."""
        lines = [
            f"- {each.id}: {each.title}{f' by {each.author}' if each.author else ''} ({each.state})"
            for each in self.books
        ]
        return "\n".join(lines) or "The library has no books."


def _place(citation: Citation) -> Place:
    return Place(
        passage=citation.passage,
        book=citation.book,
        title=citation.title,
        author=citation.author,
        chapter=citation.chapter,
        page=citation.page,
        sentence=None if citation.support is None else citation.support.text,
        text=citation.text,
    )


def _told(passages: Sequence[Passage]) -> str:
    return "\n\n".join(
        f"Passage {each.id}, {_where(each.title, each.author, each.chapter, each.first_page)}, "
        f"book {each.book}:\n{each.text}"
        for each in passages
    )


def _where(title: str, author: str | None, chapter: str, page: str | None) -> str:
    parts = [title if author is None else f"{title} by {author}"]
    parts += [f"chapter {chapter!r}"] if chapter else []
    parts += [f"page {page}"] if page is not None else []
    return ", ".join(parts)
