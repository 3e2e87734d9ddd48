"""The tools that assistants call, each a call or two of the HTTP API."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from app import which_book
from app.client import Client
from app.mcp.results import AskResult, BooksResult, ListedBook, PassageResult, SearchResult

Books = Annotated[
    list[str] | None,
    Field(
        description="Books by id, title, or a beginning of one that no other book has. "
        "Without it, all books are looked through."
    ),
]


class Arguments(BaseModel):
    """What a tool is called with; an unknown name is an error, so that a typo is not ignored."""

    model_config = ConfigDict(extra="forbid")


class Ask(Arguments):
    """The arguments of ask."""

    question: Annotated[str, Field(description="The question, as a whole sentence that stands alone.")]
    books: Books = None
    min_confidence: Annotated[
        float | None,
        Field(ge=0, le=1, description="Below it no answer is given. 0 always gives one."),
    ] = None


class SearchPassages(Arguments):
    """The arguments of search_passages."""

    query: Annotated[str, Field(description="Words, or a sentence, that the passages are to fit.")]
    books: Books = None
    limit: Annotated[int, Field(ge=1, le=50, description="How many passages at most.")] = 8


class ReadPassage(Arguments):
    """The arguments of read_passage."""

    passage: Annotated[int, Field(description="The id of a passage, as the other tools give it.")]
    around: Annotated[int, Field(ge=0, le=10, description="How many passages before and behind it.")] = 1


class Result(Protocol):
    """What a tool gives."""

    def words(self) -> str:
        """It as text."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """It as JSON, in the shape that the tool declares."""


@dataclass(frozen=True)
class Tool:
    """A tool: how it is described, the shapes of its arguments and its result, and what it does.

    `work` calls the service by the client. It raises ClientError where that refuses or is not there, and
    BookNameError for a name that means no one book.
    """

    name: str
    title: str
    description: str
    arguments: type[Arguments]
    result: type[BaseModel]
    work: Callable[[Client, Any], Result]


def _ask(client: Client, given: Ask) -> AskResult:
    titles = _titles(client)
    books = [which_book.as_named(*which_book.book_version(titles, name)) for name in given.books or ()]
    answer = client.ask(given.question, books=books or None, min_confidence=given.min_confidence)
    return AskResult.of(answer)


def _search_passages(client: Client, given: SearchPassages) -> SearchResult:
    titles = _titles(client)
    books = [which_book.book_id(titles, name) for name in given.books or ()]
    found = client.passages.search(given.query, books=books or None, limit=given.limit)
    return SearchResult(passages=found)


def _titles(client: Client) -> which_book.Titles:
    """The titles, read when they are first needed."""
    return cache(lambda: {book.id: book.title for book in client.books()})


def _list_books(client: Client, _: Arguments) -> BooksResult:
    return BooksResult(books=[ListedBook.of(each) for each in client.books()])


def _read_passage(client: Client, given: ReadPassage) -> PassageResult:
    read = client.passages.read(given.passage, around=given.around)
    return PassageResult(passage=given.passage, passages=[*read.before, read.passage, *read.after])


TOOLS: Sequence[Tool] = (
    Tool(
        "ask",
        "Ask the books",
        "Answer a question from the books of the library: a short answer with a confidence, and citations "
        "with book, chapter, page and the sentence that says it. Where the books do not seem to tell it, no "
        "answer is given, but the reason and the closest places.",
        Ask,
        AskResult,
        _ask,
    ),
    Tool(
        "search_passages",
        "Search passages",
        "Find the passages of the books that fit some words best, by meaning and by the words themselves, to "
        "read them yourself. Each has an id for read_passage.",
        SearchPassages,
        SearchResult,
        _search_passages,
    ),
    Tool(
        "list_books",
        "List the books",
        "List the books of the library with their ids and titles, either of which the other tools take.",
        Arguments,
        BooksResult,
        _list_books,
    ),
    Tool(
        "read_passage",
        "Read a passage",
        "Read a passage by its id, with the passages before and behind it.",
        ReadPassage,
        PassageResult,
        _read_passage,
    ),
)
