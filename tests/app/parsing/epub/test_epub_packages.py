"""EPUBs whose side files are broken, or say things in odd ways: the book is read all the same."""

import io
import zipfile

import pytest

from app.parsing.epub.reader import parse
from app.parsing.parsed import ParsedBook, ParseError
from tests import files
from tests.files import xhtml

ONE = xhtml("<h1>One</h1><p>Mira kept a green lamp.</p>")
TWO = xhtml("<h1>Two</h1><p>The lamp went dark.</p>")
TEXT = "One\n\nMira kept a green lamp.\n\nTwo\n\nThe lamp went dark."
NCX = (
    "<navMap><navPoint><navLabel><text>Eins</text></navLabel><content src='one.xhtml'/></navPoint>"
    "<navPoint><navLabel><text>Zwei</text></navLabel><content src='two.xhtml'/></navPoint></navMap>"
)
OPF = "OEBPS/book.opf"
CONTAINER = "META-INF/container.xml"


def parts(nav: str | None = None) -> dict[str, bytes]:
    """The entries of an EPUB with two chapters and both tables of contents, or without a navigation."""
    return files.unzipped(files.epub({"one.xhtml": ONE, "two.xhtml": TWO}, nav=nav, ncx=NCX))


def changed(old: str, new: str, file: str = OPF) -> ParsedBook:
    """The EPUB with other words in one of its files."""
    made = parts()
    assert old.encode() in made[file]
    return parse(files.zipped(made | {file: made[file].replace(old.encode(), new.encode())}))


def titles(book: ParsedBook) -> list[str]:
    return [span.title for span in book.chapters]


@pytest.mark.parametrize(
    "path",
    ["/OEBPS/book.opf", "./OEBPS/book.opf", "oebps\\Book.opf", "OEBPS%2Fbook.opf", "OEBPS/gone.opf"],
)
def test_the_package_is_found(path: str) -> None:
    assert changed("OEBPS/book.opf", path, CONTAINER).text == TEXT


def test_the_container_may_be_missing_broken_or_name_a_pdf_first() -> None:
    made = parts()
    resource = b'<rootfiles><rootfile full-path="a.pdf" media-type="application/pdf"/>'
    for container in (b"", b"<container>", made[CONTAINER].replace(b"<rootfiles>", resource)):
        assert parse(files.zipped(made | {"a.pdf": b"%PDF-", CONTAINER: container})).text == TEXT
    del made[CONTAINER]
    book = parse(files.zipped({"__MACOSX/OEBPS/._book.opf": b"\0"} | made))
    assert book.text == TEXT
    assert "META-INF/container.xml" in book.warnings[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<dc:creator>", '<dc:creator opf:role="aut">'),  # without the prefix's declaration
        (' xmlns:dc="http://purl.org/dc/elements/1.1/"', ""),
        ("<spine>", '<spine toc="a" toc="b">'),
        ("</spine></package>", ""),
        ("<dc:language>", "<dc:date>before < after</dc:date><dc:language>"),
    ],
)
def test_a_package_that_is_no_xml_is_read_as_far_as_it_goes(old: str, new: str) -> None:
    book = changed(old, new)
    assert (book.text, book.title, book.author) == (TEXT, "The Lamp", "M. Ost")
    assert "damaged" in book.warnings[0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_all_of_it_may_be_in_another_encoding(encoding: str) -> None:
    made = {
        name: content if name == "mimetype" else content.decode().replace("utf-8", encoding).encode(encoding)
        for name, content in parts().items()
    }
    book = parse(files.zipped(made))
    assert (book.text, titles(book), book.warnings) == (TEXT, ["Eins", "Zwei"], [])


@pytest.mark.parametrize(
    "href", ["/OEBPS/one.xhtml", " one.xhtml\n", "one.xhtml#a", "ONE.xhtml", ".\\one.xhtml"]
)
def test_the_manifest_names_a_file_in_its_own_way(href: str) -> None:
    assert changed('href="one.xhtml"', f'href="{href}"').text == TEXT


def test_all_names_may_have_backslashes() -> None:
    windows = {name.replace("/", "\\"): content for name, content in parts().items()}
    assert titles(parse(files.zipped(windows))) == ["Eins", "Zwei"]


def test_of_items_with_one_id_documents_are_meant() -> None:
    style = '<manifest><item id="i0" href="a.css" media-type="text/css"/>'
    assert changed("<manifest>", style).text == TEXT
    assert changed("</manifest>", style.removeprefix("<manifest>") + "</manifest>").text == TEXT
    assert changed('id="i1"', 'id="i0"').text == TEXT


def test_a_file_under_two_ids_is_read_once() -> None:
    again = '<item id="i7" href="one.xhtml#b" media-type="text/html" properties="scripted"/><item id="i1"'
    book = changed('<item id="i1"', again)
    assert book.text == TEXT
    assert changed('<itemref idref="i1"/>', '<itemref idref=" i1 "/><itemref idref="i0"/>').text == TEXT


def test_without_a_spine_the_manifest_has_the_order() -> None:
    book = changed('<itemref idref="i0"/><itemref idref="i1"/>', "")
    assert (book.text, len(book.warnings)) == (TEXT, 1)


@pytest.mark.parametrize("kind", ["text/xml", "application/xml", "", "application/x-dtbncx+xml "])
def test_the_older_table_is_known_by_its_name_too(kind: str) -> None:
    assert titles(changed("application/x-dtbncx+xml", kind)) == ["Eins", "Zwei"]
    unlisted = '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    assert titles(changed(unlisted, "")) == ["Eins", "Zwei"]


@pytest.mark.parametrize(
    "nav", ['<nav epub:type="toc"><a href="none.xhtml">A</a><a href="no.xhtml">B</a></nav>', ""]
)
def test_the_older_table_stands_in_for_a_navigation_that_leads_nowhere(nav: str) -> None:
    assert titles(parse(files.zipped(parts(nav)))) == ["Eins", "Zwei"]


def test_a_navigation_need_not_say_that_it_is_one() -> None:
    nav = '<nav><ol><li><a href="one.xhtml">A</a></li><li><a href="two.xhtml">B</a></li></ol></nav>'
    assert titles(parse(files.zipped(parts(nav)))) == ["A", "B"]


def test_an_entry_whose_place_is_not_in_its_document_is_at_its_start() -> None:
    assert titles(changed("two.xhtml", "two.xhtml#gone", "OEBPS/toc.ncx")) == ["Eins", "Zwei"]
    # Another that is lost in the same document does not take its place.
    lost = "<navPoint><navLabel><text>Drei</text></navLabel><content src='two.xhtml#lost'/></navPoint>"
    assert titles(changed("</navMap>", f"{lost}</navMap>", "OEBPS/toc.ncx")) == ["Eins", "Zwei"]


@pytest.mark.parametrize(
    ("written", "read"),
    [("A &LT; B &AMP; C", "A < B & C"), ("A &lt; B", "A < B"), ("It&#146;s&hellip;", "It\u2019s…")],
)
def test_a_name_of_a_sign_is_the_sign(written: str, read: str) -> None:
    assert changed("The Lamp", written).title == read
    assert titles(changed("Eins", written, "OEBPS/toc.ncx")) == [read, "Zwei"]
    assert read in changed("green lamp", written, "OEBPS/one.xhtml").text


def test_a_file_that_is_there_twice_is_the_last_of_the_two() -> None:
    buffer = io.BytesIO()
    older = {"OEBPS/one.xhtml": b"<p>Old.</p>", "OEBPS/a.css": b"a"}
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in older.items():
            made.writestr(name, content)
        for name, content in (parts() | {"OEBPS/a.css": b"b"}).items():
            if name in older:
                with pytest.warns(UserWarning, match="Duplicate"):
                    made.writestr(name, content)
            else:
                made.writestr(name, content)
    book = parse(buffer.getvalue())
    assert book.text == TEXT
    assert [("one.xhtml" in warning, "more than once" in warning) for warning in book.warnings] == [
        (True, True)
    ]


def test_a_switch_without_its_prefix_is_read_once() -> None:
    switch = "<epub:switch><epub:case>x=1</epub:case><epub:default>x is one</epub:default></epub:switch>"
    body = f"<html xmlns='http://www.w3.org/1999/xhtml'><body><p>Then {switch}.</p></body></html>"
    assert parse(files.epub({"one.xhtml": body})).text == "Then x is one."


@pytest.mark.parametrize(
    ("uri", "is_read"), [("OEBPS/font.ttf", True), ("OEBPS/Two.xhtml", False), ("OEBPS/%74wo.xhtml", False)]
)
def test_only_an_encrypted_document_makes_an_epub_unreadable(uri: str, is_read: bool) -> None:
    encryption = (
        '<encryption><EncryptedData><EncryptionMethod Algorithm="aes"/><CipherData>'
        f'<CipherReference URI="{uri}"/></CipherData></EncryptedData></encryption>'
    )
    data = files.zipped(parts() | {"META-INF/encryption.xml": encryption})
    if is_read:
        assert parse(data).text == TEXT
    else:
        with pytest.raises(ParseError, match="encrypted"):
            parse(data)


@pytest.mark.parametrize("encryption", ["", "<encryption><EncryptedData>"])
def test_a_list_of_encrypted_files_that_names_none_is_none(encryption: str) -> None:
    assert parse(files.zipped(parts() | {"META-INF/encryption.xml": encryption})).text == TEXT
