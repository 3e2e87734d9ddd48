"""What an upload holds: a file of text or a JSON book, read, checked and cleaned."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from fastapi import Request
from pydantic import ValidationError

from app.http.form import read_form
from app.http.problems import Problem, invalid
from app.schemas import JsonBook
from store import text as store_text
from store.books import Edition

_ABOUT = ("title", "author", "tags")


@dataclass(frozen=True)
class Upload:
    """A book as it came: `text` ends its lines with line feeds alone, `sha256` is that of the bytes sent.

    A comma in one of the `tags` parts two. `said` are those of title, author and tags that the caller gave.
    """

    title: str
    author: str | None
    filename: str | None
    format: Literal["txt", "md"]
    text: str
    sha256: str
    tags: list[str]
    recipe: dict[str, Any] | None
    said: frozenset[str]

    def edition(self, count_tokens: Callable[[str], int]) -> Edition:
        """The text with its chapters and passages, as long as `count_tokens` says."""
        chapters = store_text.chapters(self.text, self.format)
        passages = store_text.passages(self.text, chapters, count_tokens)
        return Edition(self.text, self.sha256, chapters, passages, format=self.format, filename=self.filename)


async def read_upload(request: Request) -> Upload:
    """Read a multipart form or JSON. Raises Problem for anything that is no readable book."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _from_form(request)
    if kind == "application/json":
        return _from_json(await request.body())
    raise Problem(
        415, "unsupported-media-type", "Send multipart/form-data with a field 'file', or application/json."
    )


async def _from_form(request: Request) -> Upload:
    form = await read_form(request)
    if form.data is None:
        raise Problem(422, "file-missing", "The form has no file in its field 'file'.")
    filename = clean_filename(form.filename)
    wishes = {name: form.fields.get(name, "").strip() for name in ("title", "author")}
    recipe = _json_object(form.fields.get("recipe"))
    text = decoded(form.data)
    named = PurePosixPath(filename)
    markdown = named.suffix.lower() in {".md", ".markdown"}
    return Upload(
        title=wishes["title"] or _heading(text, markdown) or named.stem or "Untitled",
        author=wishes["author"] or None,
        filename=filename or None,
        format="md" if markdown else "txt",
        text=text,
        sha256=hashlib.sha256(form.data).hexdigest(),
        tags=[form.fields.get("tags", "")],
        recipe=recipe,
        said=frozenset(name for name in _ABOUT if form.fields.get(name, "").strip()),
    )


def _from_json(body: bytes) -> Upload:
    try:
        book = JsonBook.model_validate_json(body)
    except ValidationError as error:
        raise invalid("invalid-request", error) from error
    data = book.text.encode("utf-8", "surrogatepass")
    return Upload(
        title=book.title.strip() or "Untitled",
        author=book.author,
        filename=None,
        format="md" if re.search(r"^#{1,6} \S", book.text, re.MULTILINE) else "txt",
        text=decoded(data),
        sha256=hashlib.sha256(data).hexdigest(),
        tags=book.tags or [],
        recipe=book.recipe,
        said=frozenset(name for name in _ABOUT if getattr(book, name)),
    )


def decoded(data: bytes) -> str:
    """The text of UTF-8, or of UTF-16 that says so in its first bytes.

    Raises Problem book-empty for nothing but white space and unreadable-text for anything else than text.
    """
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Problem(
            422,
            "unreadable-text",
            f"The file is no {encoding.removesuffix('-sig')} text: byte {error.start} does not fit. "
            "Save it as UTF-8.",
        ) from error
    if any(unicodedata.category(character) == "Cc" for character in set(text) - set("\t\n\r\f\v")):
        raise Problem(422, "unreadable-text", "The file holds control characters: it is no text.")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise Problem(422, "book-empty", "The book has no text in it.")
    return text


def clean_filename(name: str) -> str:
    """The last part of a path, without control characters, at most 120 characters, its ending kept."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip(" .")
    path = PurePosixPath(shown)
    return path.stem[: 120 - len(path.suffix[:20])] + path.suffix[:20]


def _heading(text: str, markdown: bool) -> str | None:
    found = re.search(r"^#{1,2} +(.+?)[ #]*$", text, re.MULTILINE) if markdown else None
    return found.group(1)[:300] if found else None


def _json_object(value: str | None) -> dict[str, Any] | None:
    if not value:
        return None
    try:
        found = json.loads(value)
    except ValueError as error:
        raise Problem(422, "invalid-recipe", f"The field 'recipe' is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Problem(422, "invalid-recipe", "The field 'recipe' must be a JSON object.")
    return found
