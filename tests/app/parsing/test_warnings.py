"""What of a file is not in its text is said, and the rest is kept."""

import pytest

from app.parsing.formats import parse_book
from app.parsing.parsed import Format, ParsedBook, ParseError
from tests import files
from tests.files import paragraph, xhtml

ONE = xhtml("<h1>One</h1><p>Mira kept a green lamp in the tower of Ost.</p>")
TWO = xhtml("<h1>Two</h1><p>The fishermen steered home by it, whatever the weather.</p>")
IMAGE = b"q 400 0 0 600 50 50 cm BI /W 2 /H 2 /CS /G /BPC 8 ID \x00\xff\xff\x00 EI Q"
WORDS = [files.lines("Mira kept a green lamp in the tower of Ost,", "and the fishermen steered home by it.")][
    0
]


def without(data: bytes, name: str) -> bytes:
    """An archive without one of its entries."""
    return files.zipped({each: content for each, content in files.unzipped(data).items() if each != name})


def warned(data: bytes, form: Format, *, text: str = "green lamp") -> list[str]:
    """The warnings of a book, in which this text is kept."""
    book: ParsedBook = ParsedBook.from_dict(parse_book(data, form).as_dict())
    assert text in book.text
    return list(book.warnings)


BOOK = files.epub({"one.xhtml": ONE, "two.xhtml": TWO}, nav="<nav epub:type='toc'><ol/></nav>")


def test_a_whole_book_has_no_warnings() -> None:
    assert warned(BOOK, "epub") == []
    assert warned(files.pdf([WORDS, b""]), "pdf") == []
    assert warned(files.docx(paragraph("Mira kept a green lamp.")), "docx") == []
    for form in ("txt", "md", "html"):
        assert warned("Mira kept a green lamp: “Café \ufffd”.".encode(), form) == []
        assert warned("Mira kept a green lamp: Café.".encode("cp1252"), form) == []


def test_a_document_of_the_spine_that_is_not_there_is_left_out() -> None:
    assert warned(without(BOOK, "OEBPS/two.xhtml"), "epub") == [
        "The document 'OEBPS/two.xhtml' is left out: it is not in the EPUB."
    ]
    parts = files.unzipped(BOOK)
    parts["OEBPS/book.opf"] = parts["OEBPS/book.opf"].replace(b'idref="i1"', b'idref="i9"')
    assert warned(files.zipped(parts), "epub") == [
        "The spine names 'i9', and the package does not say which file that is."
    ]


def test_a_damaged_document_costs_itself_and_the_last_one_the_book() -> None:
    data = files.with_damaged_entry(BOOK, "OEBPS/two.xhtml")
    [warning] = warned(data, "epub")
    assert warning.startswith("The document 'OEBPS/two.xhtml' is left out. The archive is damaged: ")
    with pytest.raises(ParseError) as refused:
        parse_book(files.with_damaged_entry(data, "OEBPS/one.xhtml"), "epub")
    assert refused.value.slug == "bad-archive"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"\0\1\2\3" * 50, "The file is no text in any encoding"), (b"", "there is nothing in it")],
)
def test_a_document_that_is_no_text_is_left_out(content: bytes, reason: str) -> None:
    parts = {**files.unzipped(BOOK), "OEBPS/two.xhtml": content}
    [warning] = warned(files.zipped(parts), "epub")
    assert warning.startswith("The document 'OEBPS/two.xhtml' is left out")
    assert reason in warning


def test_what_is_too_large_is_refused_all_the_same() -> None:
    parts = {**files.unzipped(BOOK), "OEBPS/two.xhtml": b"<p>" + b" " * 3_000_000}
    with pytest.raises(ParseError) as refused:
        parse_book(files.zipped(parts), "epub")
    assert refused.value.slug == "archive-too-large"


def test_a_picture_in_the_spine_is_no_text() -> None:
    parts = files.unzipped(BOOK)
    package = parts["OEBPS/book.opf"].replace(
        b'two.xhtml" media-type="application/xhtml+xml"', b'two.xhtml" media-type="image/svg+xml"'
    )
    assert package != parts["OEBPS/book.opf"]
    drawn = {**parts, "OEBPS/book.opf": package, "OEBPS/two.xhtml": b"<svg><path/></svg>"}
    assert warned(files.zipped(drawn), "epub") == [
        "The document 'OEBPS/two.xhtml' is left out: it is image/svg+xml, no text."
    ]


def test_a_broken_table_of_contents_costs_the_table() -> None:
    lost = files.with_damaged_entry(BOOK, "OEBPS/nav.xhtml")
    [warning] = warned(lost, "epub", text="steered home")
    assert warning.startswith("The table of contents 'OEBPS/nav.xhtml' is left out. ")
    older = files.epub({"one.xhtml": ONE, "two.xhtml": TWO}, ncx="<navMap><navPoint><navLabel>")
    [warning] = warned(older, "epub")
    assert warning.startswith("The table of contents 'OEBPS/toc.ncx' is damaged: entries may be missing. ")


@pytest.mark.parametrize("form", ["txt", "md", "html"])
def test_damaged_characters_are_counted(form: Format) -> None:
    text = "<p>The café of Zoë stands in Göteborg, near the green lamp, déjà vu, señor, à la carte. ".encode()
    assert warned(text * 2 + b"Ca\xff.", form) == ["1 character could not be decoded: U+FFFD stands for it."]
    assert warned(text * 3 + b"Ca\xff \xff.", form) == [
        "2 characters could not be decoded: U+FFFD stands for each."
    ]


def test_a_damaged_character_in_an_epub_is_told_with_its_file() -> None:
    text = "<p>The café of Zoë stands in Göteborg, déjà vu, señor, à la carte. ".encode()
    parts = {**files.unzipped(BOOK), "OEBPS/two.xhtml": text * 2 + b"Ca\xff."}
    assert warned(files.zipped(parts), "epub") == [
        "In 'OEBPS/two.xhtml' 1 character could not be decoded: U+FFFD stands for it."
    ]


def test_pages_of_images_are_told_by_their_labels() -> None:
    labels = "/PageLabels<</Nums[0<</S/r>>2<</S/D>>]>>"
    told = [
        [(60, 600 - 40 * n, 12, f"In night {n} Mira kept a green lamp, for the {n * 7} boats " * 2)]
        for n in range(9)
    ]
    pages: list[files.Page | bytes] = [IMAGE, told[0], IMAGE, IMAGE, IMAGE, b"", told[1], IMAGE, *told[2:]]
    assert warned(files.pdf(pages, catalog=labels), "pdf") == [
        "Pages i, 1 to 3 and 6 have images and no text: have them recognised (OCR) to add it."
    ]
    assert warned(files.pdf([WORDS, IMAGE]), "pdf") == [
        "Page 2 has images and no text: have them recognised (OCR) to add it."
    ]


def test_a_page_that_cannot_be_opened_costs_itself_and_the_last_one_the_book() -> None:
    data = files.pdf([WORDS, WORDS])
    lost = data.replace(b"6 0 obj\n<</Type/Page/", b"6 0 obj\n<</Type/Xxxx/")
    assert warned(lost, "pdf") == ["Page 2 cannot be opened: the PDF is damaged there."]
    with pytest.raises(ParseError) as refused:
        parse_book(lost.replace(b"4 0 obj\n<</Type/Page/", b"4 0 obj\n<</Type/Xxxx/"), "pdf")
    assert refused.value.slug == "unreadable-book"


NOTE = '<w:p><w:r><w:t>Mira kept a green lamp.</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r></w:p>'


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("word/styles.xml", "the styles, which tell headings"),
        ("word/numbering.xml", "the numbers of lists"),
        ("word/footnotes.xml", "the footnotes"),
        ("docProps/core.xml", "title, author and language"),
    ],
)
def test_a_part_of_a_docx_that_is_no_xml_costs_itself(name: str, what: str) -> None:
    data = files.docx(paragraph("Mira kept a green lamp."), more={name: "<w:broken"})
    [warning] = warned(data, "docx")
    assert warning.startswith(f"Left out are {what}, in '{name}'. ")


def test_a_note_that_is_not_there_is_told() -> None:
    assert warned(files.docx(NOTE), "docx") == ["1 note is referred to and not in the file."]


def test_a_damaged_picture_does_not_cost_the_book_and_a_damaged_document_does() -> None:
    data = files.docx(paragraph("Mira kept a green lamp."), more={"word/media/a.png": bytes(range(200))})
    [warning] = warned(files.with_damaged_entry(data, "word/media/a.png"), "docx")
    assert warning.startswith("The part 'word/media/a.png' is left out. The archive is damaged: ")
    with pytest.raises(ParseError) as refused:
        parse_book(files.with_damaged_entry(data, "word/document.xml"), "docx")
    assert refused.value.slug == "bad-archive"


def test_more_warnings_than_a_person_reads_are_counted() -> None:
    names = [f"{number}.xhtml" for number in range(60)]
    data = files.epub(dict.fromkeys(names, ONE))
    for name in names[1:]:
        data = without(data, f"OEBPS/{name}")
    told = warned(data, "epub")
    assert len(told) == 21
    assert told[-1] == "There are 39 more warnings like these."
