import pytest

from app.parsing.epub.reader import parse
from app.parsing.parsed import ParsedBook, ParseError
from tests import files
from tests.files import xhtml

COVER = xhtml("<p>A lamp on a tower.</p>", 'epub:type="cover"')
ONE = xhtml(
    '<h1 id="one">One</h1><p>Mira kept a green lamp.</p><h2 id="night">Night</h2><p>She lit it at nine.</p>'
)
TWO = xhtml("<h1>Two</h1><p>The lamp went&nbsp;dark &mdash; <b>but</b> Mira<br/>climbed down.</p>")
NAV = (
    "<h1>What is in it</h1>"
    '<nav epub:type="toc"><ol><li><a href="one.xhtml">The First</a><ol>'
    '<li><a href="one.xhtml#night">By Night</a></li></ol></li><li><a href="tw%6f.xhtml">The Second</a>'
    "</li></ol></nav>"
    '<nav epub:type="page-list"><ol><li><a href="one.xhtml#one">vii</a></li>'
    '<li><a href="one.xhtml#night">8</a></li></ol></nav>'
)
NCX = (
    "<navMap><navPoint><navLabel><text>Eins</text></navLabel><content src='one.xhtml'/>"
    "<navPoint><navLabel><text>Nacht</text></navLabel><content src='one.xhtml#night'/></navPoint></navPoint>"
    "<navPoint><navLabel><text>Zwei</text></navLabel><content src='two.xhtml'/></navPoint>"
    "</navMap>"
    "<pageList><pageTarget><navLabel><text>12</text></navLabel><content src='two.xhtml'/></pageTarget>"
    "</pageList>"
)


def chapters(book: ParsedBook) -> list[tuple[str, str, str]]:
    return [(span.title, book.text[span.start : span.end].strip(), span.matter) for span in book.chapters]


def test_the_navigation_document_gives_chapters_and_pages() -> None:
    book = parse(files.epub({"cover.xhtml": COVER, "one.xhtml": ONE, "two.xhtml": TWO}, nav=NAV))
    assert (book.format, book.title, book.author, book.language) == ("epub", "The Lamp", "M. Ost", "en")
    assert chapters(book) == [
        ("", "A lamp on a tower.", "front"),
        ("The First", "Mira kept a green lamp.", "body"),
        ("By Night", "She lit it at nine.", "body"),
        ("The Second", "The lamp went dark — but Mira\nclimbed down.", "body"),
    ]
    assert [span.anchor for span in book.chapters][1:] == [
        "OEBPS/one.xhtml",
        "OEBPS/one.xhtml#night",
        "OEBPS/two.xhtml",
    ]
    assert "What is in it" not in book.text, "the navigation document is no text"
    assert [(page.label, book.text[page.start :][:5]) for page in book.pages] == [
        ("vii", "One\n\n"),
        ("8", "Night"),
    ]


def test_the_older_table_of_contents_gives_them_too() -> None:
    book = parse(files.epub({"one.xhtml": ONE, "two.xhtml": TWO}, ncx=NCX))
    assert [title for title, _, _ in chapters(book)] == ["Eins", "Nacht", "Zwei"]
    assert [(page.label, book.text[page.start :][:3]) for page in book.pages] == [("12", "Two")]


def test_without_contents_headings_are_chapters() -> None:
    book = parse(files.epub({"one.xhtml": ONE, "two.xhtml": TWO}))
    assert [title for title, _, _ in chapters(book)] == ["One", "Night", "Two"]
    assert [span.anchor for span in book.chapters] == [
        "OEBPS/one.xhtml#one",
        "OEBPS/one.xhtml#night",
        "OEBPS/two.xhtml",
    ]


def test_guide_landmarks_and_titles_mark_what_is_not_the_book() -> None:
    documents = {
        "title.xhtml": xhtml("<p>The Lamp, by M. Ost</p>"),
        "one.xhtml": ONE,
        "two.xhtml": TWO,
        "words.xhtml": xhtml("<h1>Words</h1><p>Lamp: it shines.</p>"),
        "end.xhtml": xhtml("<h1>Index</h1><p>Mira, 7</p>"),
    }
    nav = (
        '<nav epub:type="toc"><ol><li><a href="one.xhtml">One</a></li><li><a href="two.xhtml">Two</a></li>'
        '<li><a href="words.xhtml">Words</a></li><li><a href="end.xhtml">Index</a></li></ol></nav>'
        '<nav epub:type="landmarks"><ol><li><a epub:type="glossary" href="words.xhtml">Words</a></li>'
        "</ol></nav>"
    )
    guide = '<guide><reference type="title-page" href="title.xhtml"/></guide>'
    book = parse(files.epub(documents, nav=nav, guide=guide))
    assert [(title, matter) for title, _, matter in chapters(book)] == [
        ("", "front"),
        ("One", "body"),
        ("Two", "body"),
        ("Words", "back"),
        ("Index", "back"),
    ]


def test_a_page_of_no_table_stands_apart_from_the_chapters_around_it() -> None:
    documents = {
        "one.xhtml": ONE,
        "leaf.xhtml": xhtml("<p>For Ost.</p>", 'epub:type="dedication"'),
        "more.xhtml": xhtml("<p>And she slept.</p>"),
        "two.xhtml": TWO,
    }
    book = parse(files.epub(documents, ncx=NCX))
    assert [(title, body[:14]) for title, body, matter in chapters(book) if matter == "body"] == [
        ("Eins", "Mira kept a gr"),
        ("Nacht", "She lit it at "),
        ("", "And she slept."),
        ("Zwei", "The lamp went "),
    ]
    assert [body for _, body, matter in chapters(book) if matter != "body"] == ["For Ost."]


def test_page_breaks_in_the_text_are_pages() -> None:
    body = '<p>Mira <span epub:type="pagebreak" title="9" id="p9">9</span>kept a lamp.</p>'
    book = parse(files.epub({"one.xhtml": xhtml(body)}))
    assert book.text == "Mira kept a lamp."
    assert [(page.label, page.start) for page in book.pages] == [("9", 5)]


def test_a_document_that_is_not_well_formed_is_read_as_html() -> None:
    book = parse(files.epub({"one.xhtml": "<html><body><h1>One</h1><p>Mira <b>kept</p><p>a lamp"}))
    assert book.text == "One\n\nMira kept\n\na lamp"


def test_no_entity_is_expanded() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE html [<!ENTITY l0 "HA"><!ENTITY file SYSTEM "file:///etc/passwd">{laughs}]>'
    body = bomb + '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>A &l11; lamp&file;.</p></body></html>'
    assert parse(files.epub({"one.xhtml": body})).text == "A lamp."


@pytest.mark.parametrize(
    ("algorithm", "slug"),
    [
        ("http://www.idpf.org/2008/embedding", None),
        ("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "bad-archive"),
    ],
)
def test_only_fonts_may_be_encrypted(algorithm: str, slug: str | None) -> None:
    encryption = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData>'
        f'<EncryptionMethod Algorithm="{algorithm}"/></EncryptedData></encryption>'
    )
    book = files.epub({"one.xhtml": ONE}, more={"META-INF/encryption.xml": encryption})
    if slug is None:
        assert "green lamp" in parse(book).text
    else:
        with pytest.raises(ParseError) as refused:
            parse(book)
        assert refused.value.slug == slug


def test_what_is_missing_is_said() -> None:
    for data in (
        files.zipped({"mimetype": "application/epub+zip", "META-INF/container.xml": "<container/>"}),
        files.zipped({"META-INF/container.xml": "<rootfile full-path='none.opf'/>"}),
        files.zipped({"META-INF/container.xml": "no XML"}),
    ):
        with pytest.raises(ParseError) as refused:
            parse(data)
        assert refused.value.slug == "unreadable-book"


def renamed(data: bytes, old: str, new: str) -> bytes:
    """The EPUB whose archive has an entry under another name than its package says."""
    return files.zipped({name.replace(old, new): content for name, content in files.unzipped(data).items()})


@pytest.mark.parametrize(
    ("named", "kept"),
    [
        ("one.xhtml", "ONE.xhtml"),
        ("kapitel-\u00fc.xhtml", "kapitel-u\u0308.xhtml"),
        ("kapitel-%C3%BC.xhtml", "kapitel-u\u0308.xhtml"),
        ("one two.xhtml", "one%20two.xhtml"),
        ("texts/one.xhtml", "texts\\one.xhtml"),
        ("texts\\one.xhtml", "texts/one.xhtml"),
        ("one.xhtml#one", "one.xhtml"),
    ],
)
def test_a_file_is_found_by_what_its_name_means(named: str, kept: str) -> None:
    nav = (
        f'<nav epub:type="toc"><ol><li><a href="{named}">First</a></li>'
        '<li><a href="two.xhtml">Second</a></li></ol></nav>'
    )
    written = files.epub({named: ONE, "two.xhtml": TWO}, nav=nav)
    book = parse(renamed(written, named, kept))
    assert [title for title, _, _ in chapters(book)] == ["First", "Second"]
    assert "Mira kept a green lamp." in book.text


def test_of_two_files_that_a_name_may_mean_none_is_taken() -> None:
    written = files.epub(
        {"one.xhtml": ONE, "two.xhtml": TWO}, more={"OEBPS/ONE.xhtml": ONE, "OEBPS/One.xhtml": TWO}
    )
    assert "Mira kept" in parse(written).text  # the name as it is comes first
    parts = {name: content for name, content in files.unzipped(written).items() if name != "OEBPS/one.xhtml"}
    assert "Mira kept" not in parse(files.zipped(parts)).text


@pytest.mark.parametrize("title", ["Lamp & Gull", "Lamp &amp; Gull", "Lamp&nbsp;& Gull"])
def test_a_bare_ampersand_is_the_sign_that_was_meant(title: str) -> None:
    ncx = NCX.replace("Eins", title)
    book = parse(
        files.epub({"one.xhtml": ONE, "two.xhtml": TWO}, ncx=ncx, metadata=f"<dc:title>{title}</dc:title>")
    )
    assert book.title == "Lamp & Gull"
    assert [name for name, _, _ in chapters(book)] == ["Lamp & Gull", "Nacht", "Zwei"]


def test_a_broken_table_of_contents_costs_the_table_alone() -> None:
    documents = {"one.xhtml": ONE, "two.xhtml": TWO}
    broken = files.unzipped(files.epub(documents, ncx="<navMap><navPoint><navLabel>"))
    for table in (broken["OEBPS/toc.ncx"], b""):
        book = parse(files.zipped(broken | {"OEBPS/toc.ncx": table}))
        assert [name for name, _, _ in chapters(book)] == ["One", "Night", "Two"]


@pytest.mark.parametrize("kind", ["text/xml", "application/xml", "", "text/plain"])
def test_what_the_spine_names_is_read_by_its_content(kind: str) -> None:
    written = files.epub({"one.xhtml": ONE, "two.xhtml": TWO})
    parts = {
        name: content.replace(b"application/xhtml+xml", kind.encode())
        for name, content in files.unzipped(written).items()
    }
    assert parse(files.zipped(parts)).text == parse(written).text


def test_a_switch_is_read_once() -> None:
    both = (
        '<p>Then <epub:switch id="s"><epub:case required-namespace="x">x=1</epub:case>'
        "<epub:default>x is one</epub:default></epub:switch>.</p>"
    )
    assert parse(files.epub({"one.xhtml": xhtml(both)})).text == "Then x is one."
