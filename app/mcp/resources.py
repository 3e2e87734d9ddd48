"""The books and their chapters as resources that assistants read."""

import json
import re

from app.client import Client, ClientError
from app.schemas import Book

BOOK = "bookchorus://books/{id}"
CHAPTER = "bookchorus://books/{id}/chapters/{n}"
BOOK_TYPE = "application/json"
CHAPTER_TYPE = "text/plain"
_URI = re.compile(r"bookchorus://books/([^/?#]+)(?:/chapters/(\d{1,9}))?", re.ASCII)


class UnknownResourceError(Exception):
    """No resource has this address; the message says what has one."""


def book_uri(book: Book) -> str:
    """The address of a book."""
    return BOOK.format(id=book.id)


def read(client: Client, uri: str) -> tuple[str, str]:
    """The media type and the text of a resource: what a book is, with its chapters' addresses; or a chapter.

    UnknownResourceError: there is none of this address. ClientError: the service refuses or is not there.
    """
    named = _URI.fullmatch(uri)
    if named is None:
        raise UnknownResourceError(f"There is no resource {uri!r}: expected {BOOK} or {CHAPTER}.")
    try:
        book = client.book(named[1])
    except ClientError as error:
        if error.status != 404:
            raise
        raise UnknownResourceError(str(error)) from error
    return (BOOK_TYPE, _about(book)) if named[2] is None else (CHAPTER_TYPE, _chapter(client, book, named[2]))


def _about(book: Book) -> str:
    told = book.model_dump(include={"id", "title", "author", "language", "tags", "characters", "state"})
    chapters = [
        {
            "number": each.ordinal,
            "title": each.title,
            "characters": each.end - each.start,
            "uri": CHAPTER.format(id=book.id, n=each.ordinal),
        }
        for each in book.chapters
    ]
    return json.dumps({**told, "chapters": chapters}, ensure_ascii=False, indent=2)


def _chapter(client: Client, book: Book, number: str) -> str:
    found = next((each for each in book.chapters if each.ordinal == int(number)), None)
    if found is None:
        raise UnknownResourceError(
            f"The book {book.id} has no chapter {number}: its {len(book.chapters)} count from 0."
        )
    # Of the same revision as the offsets, should a new edition come in between.
    return client.passages.text(book.id, revision=book.revision)[found.start : found.end]
