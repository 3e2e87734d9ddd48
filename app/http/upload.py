"""An uploaded book, a file or JSON, and what a book is called anew: read, checked and cleaned."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from fastapi import Request
from pydantic import ValidationError

from app.http.multipart import read_form
from app.http.problems import Problem, invalid, refuse_unkept
from app.http.upload_room import UploadRoom
from app.parsing import language
from app.parsing.formats import parse_book
from app.parsing.parsed import ParsedBook, ParseError
from app.parsing.sandbox import ParserSandbox
from app.schemas import EditBook, JsonBook
from app.schemas.books import NAME_LENGTH, BookNames
from store.editions import Edition
from store.segmentation import TooManyPassagesError, is_blank, passages


@dataclass(frozen=True)
class Upload:
    """An uploaded book. `sha256` is that of the bytes sent; a comma in `tags` separates two.

    `language` is a BCP 47 tag. `given` names which of title, author, language and tags the caller gave.
    """

    title: str
    author: str | None
    language: str | None
    filename: str | None
    parsed: ParsedBook
    sha256: str
    tags: list[str]
    recipe: dict[str, Any] | None
    given: frozenset[str]

    @property
    def named(self) -> dict[str, Any]:
        """The title, author and tags that the caller gave, by these names."""
        return {name: getattr(self, name) for name in self.given}

    def edition(self, count_tokens: Callable[[str], int], most_passages: int) -> Edition:
        """The text with its chapters and pages, cut into passages whose length `count_tokens` measures.

        ParseError book-too-large: there are more than `most_passages`.
        """
        book = self.parsed
        try:
            cut = passages(book.text, book.chapters, count_tokens, language=self.language, most=most_passages)
        except TooManyPassagesError as error:
            raise ParseError("book-too-large", str(error), limit_passages=error.most) from error
        return Edition(
            book.text,
            self.sha256,
            book.chapters,
            cut,
            pages=book.pages,
            format=book.format,
            filename=self.filename,
            warnings=book.warnings,
        )


async def read_upload(request: Request, parser: ParserSandbox, room: UploadRoom) -> Upload:
    """Read a multipart form or JSON, in the room.

    Raises Problem or ParseError where there is no readable book in it.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _from_form(request, parser, room)
    if kind == "application/json":
        return await room.run(partial(_from_json, await request.body()))
    raise Problem(
        415, "unsupported-media-type", "Send multipart/form-data with a field 'file', or application/json."
    )


def edited(wish: EditBook) -> dict[str, Any]:
    """What a book is given, and what it is to be without, by the names that `store.books.describe` has.

    Raises Problem invalid-request for what is no language.
    """
    title, author, spoken = map(_seen, (wish.title, wish.author, wish.language))
    emptied = {"author": author, "language": spoken}
    return {
        "title": title,
        "author": author,
        "language": _language(spoken),
        "tags": wish.tags,
        "without": [name for name, value in emptied.items() if name in wish.model_fields_set and not value],
    }


async def _from_form(request: Request, parser: ParserSandbox, room: UploadRoom) -> Upload:
    form = await read_form(request)
    if form.data is None:
        raise Problem(422, "file-missing", "The form has no file in its field 'file'.")
    filename = clean_filename(form.filename)
    recipe = _json_object(form.fields.get("recipe"))
    refuse_unkept(body={**form.fields, "recipe": recipe})
    given = {name: _seen(form.fields.get(name)) for name in ("title", "author", "language", "tags")}
    try:
        BookNames(**given)
    except ValidationError as error:
        raise invalid("invalid-request", error) from error
    spoken = _language(given["language"])
    parsed = await parser.parse(form.data, filename, room.threads)
    sha256 = await room.run(partial(_sha256, form.data))
    return Upload(
        title=given["title"]
        or _seen(parsed.title, NAME_LENGTH)
        or _seen(PurePosixPath(filename).stem)
        or "Untitled",
        author=given["author"] or _seen(parsed.author, NAME_LENGTH),
        language=spoken or parsed.language,
        filename=filename or None,
        parsed=parsed,
        sha256=sha256,
        tags=[given["tags"] or ""],
        recipe=recipe,
        given=_given(**given),
    )


def _from_json(body: bytes) -> Upload:
    try:
        book = JsonBook.model_validate_json(body)
    except ValidationError as error:
        raise invalid("invalid-request", error) from error
    title, author = _seen(book.title), _seen(book.author)
    spoken = _language(_seen(book.language))
    data = book.text.encode()
    parsed = parse_book(data, "md" if re.search(r"^#{1,6} \S", book.text, re.MULTILINE) else "txt")
    return Upload(
        title=title or "Untitled",
        author=author,
        language=spoken or parsed.language,
        filename=None,
        parsed=parsed,
        sha256=_sha256(data),
        tags=book.tags or [],
        recipe=book.recipe,
        given=_given(title=title, author=author, language=spoken, tags=book.tags),
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def clean_filename(name: str) -> str:
    """The last part of a path without control characters, cut to 120 characters; its ending stays."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip(" .")
    path = PurePosixPath(shown)
    return path.stem[: 120 - len(path.suffix[:20])] + path.suffix[:20]


def _given(**about: object) -> frozenset[str]:
    """The names of what is not empty."""
    return frozenset(name for name, value in about.items() if value)


def _seen(text: str | None, most: int | None = None) -> str | None:
    """A name without space around it, cut to `most` characters; None for one with nothing to see."""
    return None if text is None or is_blank(text) else text.strip()[:most]


def _language(name: str | None) -> str | None:
    """The BCP 47 tag of a language that was given. Raises Problem invalid-request for what is none."""
    tag = language.tag(name)
    if name is not None and tag is None:
        what = f"{name!r} is no language's tag, such as en or pt-BR."
        raise Problem(
            422, "invalid-request", f"language: {what}", errors=[{"where": "language", "what": what}]
        )
    return tag


def _json_object(value: str | None) -> dict[str, Any] | None:
    if not value:
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise Problem(422, "invalid-recipe", f"The field 'recipe' is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Problem(422, "invalid-recipe", "The field 'recipe' must be a JSON object.")
    return found
