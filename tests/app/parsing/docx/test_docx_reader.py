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


def test_a_document_without_a_body_is_damaged() -> None:
    parts = files.unzipped(files.docx(""))
    parts["word/document.xml"] = parts["word/document.xml"].replace(b"w:body", b"w:bode")
    with pytest.raises(ParseError) as refused:
        parse(files.zipped(parts))
    assert refused.value.slug == "unreadable-book"


def test_an_archive_without_a_document_is_no_docx() -> None:
    with pytest.raises(ParseError) as refused:
        parse(files.zipped({"[Content_Types].xml": "<Types/>"}))
    assert refused.value.slug == "unreadable-book"


def numbered(level: int = 0, use: int = 1) -> str:
    return f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{use}"/></w:numPr>'


def item(text: str, properties: str) -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def numbering(*levels: tuple[str, str, int], more: str = "") -> str:
    """A list whose levels have a format, a text and a first number, and its use 1."""
    written = "".join(
        f'<w:lvl w:ilvl="{place}"><w:start w:val="{start}"/><w:numFmt w:val="{form}"/>'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
        for place, (form, text, start) in enumerate(levels)
    )
    return (
        f'<w:numbering xmlns:w="{WORD}"><w:abstractNum w:abstractNumId="5">{written}</w:abstractNum>'
        f'<w:num w:numId="1"><w:abstractNumId w:val="5"/></w:num>{more}</w:numbering>'
    )


WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def lines(body: str, lists: str, styles: str | None = None) -> list[str]:
    more = {"word/numbering.xml": lists}
    if styles is not None:
        more["word/styles.xml"] = f'<w:styles xmlns:w="{WORD}">{styles}</w:styles>'
    return [line for line in parse(files.docx(body, more=more)).text.splitlines() if line]


def test_levels_are_numbered_in_their_formats_and_texts() -> None:
    lists = numbering(("decimal", "Rule %1:", 3), ("lowerLetter", "%1%2)", 1), ("upperRoman", "(%3)", 4))
    body = "".join(
        item(text, numbered(level))
        for text, level in [("trim", 0), ("wick", 1), ("wax", 1), ("deep", 2), ("wind", 0), ("again", 1)]
    )
    assert lines(body, lists) == [
        "Rule 3: trim",
        "3a) wick",
        "3b) wax",
        "(IV) deep",
        "Rule 4: wind",
        "4a) again",
    ]


def test_a_style_numbers_its_paragraphs() -> None:
    styles = (
        '<w:style w:type="paragraph" w:styleId="Rule"><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>'
        '</w:style><w:style w:type="paragraph" w:styleId="Own"><w:basedOn w:val="Rule"/></w:style>'
    )
    body = (
        item("trim", '<w:pStyle w:val="Rule"/>')
        + paragraph("Between.")
        + item("wind", '<w:pStyle w:val="Own"/>')
    )
    assert lines(body, numbering(("decimalZero", "§ %1", 9)), styles) == [
        "§ 09 trim",
        "Between.",
        "§ 10 wind",
    ]


def test_a_use_of_a_list_may_begin_anew_or_have_none() -> None:
    again = (
        '<w:num w:numId="2"><w:abstractNumId w:val="5"/>'
        '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride></w:num>'
    )
    body = "".join(
        item(text, numbered(use=use))
        for text, use in [("a", 1), ("b", 1), ("c", 2), ("d", 2), ("e", 0), ("f", 7)]
    )
    assert lines(body, numbering(("decimal", "%1.", 1), more=again)) == [
        "1. a",
        "2. b",
        "1. c",
        "2. d",
        "e",
        "f",
    ]


@pytest.mark.parametrize(
    ("second", "third", "numbers"),
    [
        ("", "", ["0.", "1)", "[1]", "1.", "1)", "[1]", "2)", "[1]"]),
        ('<w:lvlRestart w:val="0"/>', "", ["0.", "1)", "[1]", "1.", "2)", "[1]", "3)", "[1]"]),
        ("", '<w:lvlRestart w:val="1"/>', ["0.", "1)", "[1]", "1.", "1)", "[1]", "2)", "[2]"]),
        ("", '<w:lvlRestart w:val="0"/>', ["0.", "1)", "[1]", "1.", "1)", "[2]", "2)", "[3]"]),
    ],
)
def test_a_level_begins_anew_after_those_that_it_says(second: str, third: str, numbers: list[str]) -> None:
    lists = numbering(("decimal", "%1.", 0), ("decimal", "%2)", 1), ("decimal", "[%3]", 1))
    for text, more in (("%2)", second), ("[%3]", third)):
        lists = lists.replace(f'<w:lvlText w:val="{text}"/>', f'{more}<w:lvlText w:val="{text}"/>')
    body = "".join(item("x", numbered(level)) for level in (0, 1, 2, 0, 1, 2, 1, 2))
    assert lines(body, lists) == [f"{number} x" for number in numbers]


@pytest.mark.parametrize(
    ("form", "text", "start", "line"),
    [
        ("none", "Note:", 1, "Note: a"),
        ("none", "%1", 1, "a"),
        ("ordinal", "%1", 22, "22nd a"),
        ("ordinal", "%1", 11, "11th a"),
        ("cardinalText", "Part %1:", 21, "Part Twenty-one: a"),
        ("ordinalText", "%1 rule:", 12, "Twelfth rule: a"),
        ("ordinalText", "%1", 30, "Thirtieth a"),
        ("ordinalText", "%1", 100, "100th a"),
        ("lowerLetter", "%1)", 28, "bb) a"),
    ],
)
def test_a_number_has_the_form_of_its_level(form: str, text: str, start: int, line: str) -> None:
    assert lines(item("a", numbered()), numbering((form, text, start))) == [line]


def test_bullets_are_no_numbers() -> None:
    assert lines(item("one", numbered()), numbering(("bullet", "•", 1))) == ["one"]


def math(inner: str) -> str:
    about = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    return f"<w:p><w:r><w:t>Then </w:t></w:r><m:oMath {about}>{inner}</m:oMath><w:r><w:t>.</w:t></w:r></w:p>"


def run(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


MINUS = "\u22122"
HALF = f"<m:f><m:num>{run('1')}</m:num><m:den>{run('2')}</m:den></m:f>"
POWER = f"<m:sSup><m:e>{run('x')}</m:e><m:sup>{run('2')}</m:sup></m:sSup>"


@pytest.mark.parametrize(
    ("equation", "text"),
    [
        (f"{run('E=m')}<m:sSup><m:e>{run('c')}</m:e><m:sup>{run('2')}</m:sup></m:sSup>", "E=mc²"),
        (f"<m:sSup><m:e>{run('x')}</m:e><m:sup>{run('y+1')}</m:sup></m:sSup>", "x^(y+1)"),
        (f"<m:sSub><m:e>{run('H')}</m:e><m:sub>{run('2')}</m:sub></m:sSub>{run('O')}", "H₂O"),
        (f"<m:f><m:num>{run('a+b')}</m:num><m:den>{run('2')}</m:den></m:f>", "(a+b)/2"),
        (f"<m:sSup><m:e>{run('x')}</m:e><m:sup>{run(MINUS)}</m:sup></m:sSup>", "x⁻²"),
        (f"<m:sSup><m:e>{POWER}</m:e><m:sup>{run('3')}</m:sup></m:sSup>", "(x²)³"),
        (f"<m:sSub><m:e>{HALF}</m:e><m:sub>{run('k')}</m:sub></m:sSub>", "(1/2)_k"),
        (f"<m:sSup><m:e>{run('x')}</m:e><m:sup>{HALF}</m:sup></m:sSup>", "x^(1/2)"),
        (f"<m:f><m:num>{HALF}</m:num><m:den>{HALF}</m:den></m:f>", "(1/2)/(1/2)"),
        (
            f"<m:d><m:e><m:f><m:fPr><m:type m:val='noBar'/></m:fPr><m:num>{run('n')}</m:num>"
            f"<m:den>{run('k')}</m:den></m:f></m:e></m:d>",
            "(n; k)",
        ),
        (
            f"<m:sPre><m:sub>{run('6')}</m:sub><m:sup>{run('14')}</m:sup><m:e>{run('C')}</m:e></m:sPre>",
            "¹⁴₆C",
        ),
        (f"<m:acc><m:e>{run('x')}</m:e></m:acc>", "x\u0302"),
        (f"<m:acc><m:accPr><m:chr m:val='\u0303'/></m:accPr><m:e>{run('x')}</m:e></m:acc>", "x\u0303"),
        (f"<m:bar><m:barPr><m:pos m:val='top'/></m:barPr><m:e>{run('x')}</m:e></m:bar>", "x\u0305"),
        (f"<w:ins>{run('a')}</w:ins><w:del>{run('b')}</w:del>{run('=c')}", "a=c"),
        (f"<m:rad><m:radPr/><m:deg/><m:e>{run('2x')}</m:e></m:rad>", "√2x"),
        (f"<m:d><m:dPr><m:begChr m:val='['/><m:endChr m:val=']'/></m:dPr><m:e>{run('n')}</m:e></m:d>", "[n]"),
        (
            f"<m:nary><m:naryPr><m:chr m:val='∑'/></m:naryPr><m:sub>{run('1')}</m:sub>"
            f"<m:sup>{run('n')}</m:sup><m:e>{run('k')}</m:e></m:nary>",
            "∑₁ⁿ k",
        ),
    ],
)
def test_an_equation_is_a_line_of_signs_in_its_place(equation: str, text: str) -> None:
    assert parse(files.docx(math(equation))).text == f"Then {text}."


def test_an_equation_on_a_line_of_its_own_is_kept() -> None:
    about = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    both = f"<m:oMath>{run('a=b')}</m:oMath><m:oMath>{run('c=d')}</m:oMath>"
    equations = f"<m:oMathPara {about}>{both}</m:oMathPara>"
    assert parse(files.docx(f"<w:p>{equations}</w:p>")).text == "a=b\nc=d"
    around = f"<w:p><w:r><w:t>So</w:t></w:r>{equations}<w:r><w:t>holds.</w:t></w:r></w:p>"
    assert parse(files.docx(around)).text == "So\na=b\nc=d\nholds."
    assert parse(files.docx(paragraph("So") + equations)).text == "So\n\na=b\n\nc=d"


def test_the_main_part_is_the_one_that_the_package_names() -> None:
    moved = {
        name.replace("document.xml", "document2.xml"): content.replace(b"document.xml", b"document2.xml")
        for name, content in files.unzipped(files.docx(BODY)).items()
    }
    assert parse(files.zipped(moved)) == parse(files.docx(BODY))
