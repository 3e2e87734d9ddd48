import io
import random
import zipfile

import pytest

from app.parsing.formats import parse_book
from app.parsing.parsed import Format, ParseError
from app.parsing.sniff import sniff
from tests import files


@pytest.mark.parametrize(
    ("data", "name", "format"),
    [
        (files.pdf([b""]), "book.txt", "pdf"),
        (b"\n\n" + files.pdf([b""]), "", "pdf"),
        (b"HTTP/1.1 200 OK\r\nserver: x\r\n\r\n" + files.pdf([b""]), "", "pdf"),
        (files.pdf([b""])[:40], "cut.pdf", "pdf"),
        (b"A PDF begins with %PDF-1.4, a page with a doctype.\n", "", "txt"),
        (b"%PDF- is the mark, said the teacher, and 5 is the version.\n", "", "txt"),
        (files.epub({}), "book.docx", "epub"),
        (files.docx(""), "book.epub", "docx"),
        (b"<!DOCTYPE html>\n<p>x", "book.txt", "html"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x -->\n<html xmlns='x'>", "", "html"),
        ("<html>".encode("utf-16"), "", "html"),
        ("<!doctype html>".encode("utf-16-be"), "", "html"),
        (files.zipped({"meta-inf\\Container.xml": ""}), "", "epub"),
        (files.zipped({"mimetype": "", "a.opf": ""}), "", "epub"),
        (b"# A book", "book.md", "md"),
        (b"# A book", "book.MARKDOWN", "md"),
        (b"# A book", "book.pdf", "txt"),
        (b"<p align='center'>A Markdown file may begin so", "README.md", "md"),
        (b"", "", "txt"),
    ],
)
def test_the_content_tells_the_format(data: bytes, name: str, format: Format) -> None:  # noqa: A002
    assert sniff(data, name) == format


# Bytes that are no text.
NOISE = random.Random(7).randbytes(4_000)


@pytest.mark.parametrize(
    "text",
    ["GIF89a is a format of pictures.", "MZ was his sign.", "The ftyp of a film.", "RIFFs and OggS", "ID3"],
)
def test_a_text_that_begins_like_another_file_is_a_text(text: str) -> None:
    assert sniff(text.encode()) == "txt"


@pytest.mark.parametrize(
    ("name", "promised"), [("nobook.epub", "an EPUB"), ("nobook.PDF", "a PDF"), ("nobook.docx", "a DOCX")]
)
def test_a_file_that_is_not_what_its_name_says_is_told(name: str, promised: str) -> None:
    with pytest.raises(ParseError) as refused:
        sniff(NOISE, name)
    assert str(refused.value) == (
        f"{name} is not {promised} inside, nor text: get it again, or choose another file. "
        "Books are txt, md, html, epub, pdf or docx."
    )
    assert refused.value.slug == "unreadable-text"


@pytest.mark.parametrize(
    ("name", "promised"), [("cut.epub", "an EPUB"), ("cut.docx", "a DOCX"), ("cut", "a zip archive")]
)
def test_an_archive_that_was_cut_off_is_told_by_its_name(name: str, promised: str) -> None:
    with pytest.raises(ParseError, match=f"like {promised}, but it is incomplete or damaged: get it again"):
        sniff(files.epub({})[:-200], name)


def test_an_epub_that_was_cut_off_is_known_by_its_first_entry() -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
    with pytest.raises(ParseError, match="like an EPUB, but it is incomplete or damaged") as refused:
        sniff(whole.getvalue()[:90])
    assert refused.value.slug == "bad-archive"


def test_what_is_no_text_is_told_what_books_are() -> None:
    with pytest.raises(ParseError, match="books are txt, md, html, epub, pdf or docx") as refused:
        parse_book(NOISE, sniff(NOISE, "nobook.bin"))
    assert refused.value.slug == "unreadable-text"


@pytest.mark.parametrize(
    ("data", "slug", "says"),
    [
        (b"{\\rtf1 Text}", "unreadable-text", "RTF"),
        (b"\0" * 60 + b"BOOKMOBI", "unreadable-text", "Kindle"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "unreadable-text", "Office"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "password-protected",
            "password",
        ),
        (files.zipped({"a.txt": "A zip of something else"}), "bad-archive", "EPUB"),
        (b"PK\x03\x04 broken", "bad-archive", "begins like a zip archive, but it is incomplete or damaged"),
        (
            b"\x89PNG\r\n\x1a\n" + NOISE,
            "unreadable-text",
            "This is a PNG picture, not a book: books are txt, ",
        ),
        (b"\xff\xd8\xff\xe0" + NOISE, "unreadable-text", "a JPEG picture"),
        (b"GIF89a\x40\0\x40\0\xf7" + NOISE, "unreadable-text", "a GIF picture"),
        (b"\x7fELF\x02\x01\x01\0" + NOISE, "unreadable-text", "a program"),
        (b"MZ\x90\0\x03\0\0\0" + NOISE, "unreadable-text", "a program"),
        (b"\0\0\0\x20ftypisom" + NOISE, "unreadable-text", "a film"),
    ],
)
def test_other_formats_are_named(data: bytes, slug: str, says: str) -> None:
    with pytest.raises(ParseError, match=says) as refused:
        sniff(data)
    assert refused.value.slug == slug
