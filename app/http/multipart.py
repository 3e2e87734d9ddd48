"""Reads a multipart form into memory, so that no part of an upload touches the disk before it is a book."""

from dataclasses import dataclass, field
from typing import IO, cast

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from app.http.problems import Problem

# A file name may be 10 kB of nonsense; it is cleaned later, not refused.
_MOST_HEADER_BYTES = 65_536
_MOST_FIELDS = 20


@dataclass
class Form:
    """Text fields by name, and one file: its name as sent and its bytes."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str = ""
    data: bytes | None = None


async def read_form(request: Request) -> Form:
    """Read a `multipart/form-data` body. Raises Problem invalid-form when it is not one."""
    form = Form()
    ended = False

    def on_field(part: Field) -> None:
        form.fields[_text(part.field_name)] = _text(part.value)

    def on_file(part: File) -> None:
        if _text(part.field_name) == "file":
            content = cast(IO[bytes], part.file_object)
            content.seek(0)
            form.filename, form.data = _text(part.file_name), content.read()
        part.close()

    def on_end() -> None:
        nonlocal ended
        ended = True

    _, options = parse_options_header(request.headers["content-type"])
    limits = {
        "MAX_MEMORY_FILE_SIZE": float("inf"),
        "MAX_HEADER_SIZE": _MOST_HEADER_BYTES,
        "MAX_FIELDS": _MOST_FIELDS,
    }
    try:
        parser = FormParser(
            "multipart/form-data", on_field, on_file, on_end, options.get(b"boundary"), config=limits
        )
        async for chunk in request.stream():
            parser.write(chunk)
    except FormParserError as error:
        raise Problem(422, "invalid-form", f"The form cannot be read: {error}") from error
    if not ended:
        raise Problem(422, "invalid-form", "The form breaks off before its last boundary.")
    return form


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
