import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.parsing.formats import parse_book
from app.parsing.parsed import Format, ParseError
from app.parsing.sandbox import ParserSandbox, ReaderFaultError
from tests import files
from tests.files import lines
from tests.processes import children

PAGE = lines("Mira kept a green lamp in the tower of Ost.")
BOOKS: dict[Format, bytes] = {
    "txt": b"Mira kept a lamp.",
    "md": b"# The Lamp\n\nMira kept a lamp.",
    "html": b"<html><h1>The Lamp</h1><p>Mira kept a lamp.",
    "epub": files.epub({"one.xhtml": files.xhtml("<h1 id='o'>One</h1><p>Mira kept a lamp.</p>")}),
    "pdf": files.pdf([PAGE], info="/Title(The Lamp)"),
    "docx": files.docx(files.paragraph("Mira kept a lamp.")),
}
# Unpacked, seven million words shown one after the other.
HUGE = files.pdf([b"BT /F 12 Tf 50 700 Td " + b"(a) Tj " * 7_000_000 + b"ET"], packed=True)


def sandbox(seconds: int = 60, memory_bytes: int = 1_000_000_000) -> ParserSandbox:
    return ParserSandbox(seconds, memory_bytes)


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = children(os.getpid())  # what other tests keep running, such as PostgreSQL
    yield
    assert children(os.getpid()) == before


@pytest.mark.parametrize("form", BOOKS)
def test_a_book_comes_out_of_the_process_as_it_was_read_there(form: Format) -> None:
    book = sandbox().parse_blocking(BOOKS[form], f"book.{form}")
    assert book == parse_book(BOOKS[form], form)
    assert book.format == form
    assert "lamp" in book.text


def test_books_are_read_side_by_side() -> None:
    async def all_of_them() -> list[str]:
        parser = sandbox()
        books = await asyncio.gather(*(parser.parse(data, f"a.{form}") for form, data in BOOKS.items()))
        return [book.format for book in books]

    assert asyncio.run(all_of_them()) == list(BOOKS)


@pytest.mark.parametrize("form", ["txt", "md", "html", "epub", "docx"])
def test_a_book_without_words_is_empty(form: Format) -> None:
    empty: dict[Format, bytes] = {
        "txt": b" \n",
        "md": b"",
        "html": b"<html><p> </p></html>",
        "epub": files.epub({"one.xhtml": files.xhtml("<img src='a.png'/>")}),
        "docx": files.docx(""),
    }
    with pytest.raises(ParseError) as refused:
        sandbox().parse_blocking(empty[form], f"book.{form}")
    assert refused.value.slug == "book-empty"


def test_the_process_has_its_own_limits() -> None:
    for parser in (sandbox(seconds=1), sandbox(memory_bytes=400_000_000)):
        with pytest.raises(ParseError, match=str(parser.seconds)) as refused:
            parser.parse_blocking(HUGE)
        assert refused.value.slug == "parse-timeout"
        assert refused.value.limits == {
            "limit_seconds": parser.seconds,
            "limit_bytes": parser.memory_bytes,
        }


def test_a_process_that_waits_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    idle = tmp_path / "python"
    idle.write_text("#!/bin/sh\nexec sleep 1000\n")
    idle.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(idle))
    with pytest.raises(ParseError) as refused:
        sandbox(seconds=1).parse_blocking(BOOKS["html"])
    assert refused.value.slug == "parse-timeout"


def test_a_process_that_crashes_is_no_error_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ReaderFaultError, match="EPUB ended with 1"):
        sandbox().parse_blocking(BOOKS["epub"])
