import pytest

from app.parsing.docx.reader import parse
from app.parsing.parsed import ParseError
from tests import files
from tests.files import paragraph

BODY = (
    paragraph("The Lamp", "Title")
    + paragraph("One", "Heading1")
    + paragraph("Mira kept a lamp.")
    + paragraph("Night", "Heading2")
    + "<w:p><w:r><w:t>She lit</w:t></w:r><w:del><w:r><w:delText> never</w:delText></w:r></w:del>"
    + "<w:r><w:t> it.</w:t></w:r></w:p>"
    + f"<w:tbl><w:tr><w:tc>{paragraph('old')}</w:tc><w:tc>{paragraph('new')}</w:tc></w:tr></w:tbl>"
)
PROPERTIES = (
    '<cp:coreProperties xmlns:cp="cp" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:title>Lamps</dc:title><dc:creator>M. Ost</dc:creator>"
    "<dc:language>de-DE</dc:language></cp:coreProperties>"
)


def test_styles_are_headings_and_deleted_words_are_gone() -> None:
    book = parse(files.docx(BODY))
    assert book.text == "The Lamp\n\nOne\n\nMira kept a lamp.\n\nNight\n\nShe lit it.\n\nold | new"
    assert [(span.title, book.text[span.start : span.end].strip()) for span in book.chapters] == [
        ("One", "Mira kept a lamp."),
        ("Night", "She lit it.\n\nold | new"),
    ]
    assert (book.format, book.title, book.author, book.language) == ("docx", "The Lamp", None, None)


def test_its_properties_name_the_book() -> None:
    book = parse(files.docx(BODY, more={"docProps/core.xml": PROPERTIES}))
    assert (book.title, book.author, book.language) == ("Lamps", "M. Ost", "de-DE")


def test_a_document_type_is_refused() -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
    with pytest.raises(ParseError) as refused:
        parse(files.docx(BODY, more={"word/footnotes.xml": bomb}))
    assert refused.value.slug == "bad-archive"


def test_an_archive_without_a_document_is_no_docx() -> None:
    with pytest.raises(ParseError) as refused:
        parse(files.zipped({"[Content_Types].xml": "<Types/>"}))
    assert refused.value.slug == "unreadable-book"
