import pytest

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
        (b"PK\x03\x04 broken", "bad-archive", "damaged"),
    ],
)
def test_other_formats_are_named(data: bytes, slug: str, says: str) -> None:
    with pytest.raises(ParseError, match=says) as refused:
        sniff(data)
    assert refused.value.slug == slug
