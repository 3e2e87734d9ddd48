"""What Word shows of a document is read once, whatever holds it and whatever its parts are called."""

import pytest

from app.parsing.docx.reader import parse
from app.parsing.sniff import sniff
from tests import files
from tests.files import paragraph

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMES = " ".join(
    f'xmlns:{prefix}="{name}"'
    for prefix, name in {
        "w": WORD,
        "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "v": "urn:schemas-microsoft-com:vml",
        "r": OFFICE,
    }.items()
)
LISTS = (
    f'<w:numbering xmlns:w="{WORD}"><w:abstractNum w:abstractNumId="5"><w:lvl w:ilvl="0">'
    '<w:start w:val="3"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1)"/></w:lvl></w:abstractNum>'
    '<w:num w:numId="1"><w:abstractNumId w:val="5"/></w:num></w:numbering>'
)
IN_LIST = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
STRICT = {
    WORD: "http://purl.oclc.org/ooxml/wordprocessingml/main",
    "http://schemas.openxmlformats.org/officeDocument/2006/": "http://purl.oclc.org/ooxml/officeDocument/",
}


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def item(text: str, mark: str = "") -> str:
    return f"<w:p><w:pPr>{IN_LIST}{mark}</w:pPr>{text}</w:p>"


def docx(body: str, more: dict[str, str] | None = None) -> bytes:
    """A DOCX with lists, and with the names of drawings, equations and alternatives declared."""
    made = files.unzipped(files.docx(body, more={"word/numbering.xml": LISTS, **(more or {})}))
    declared = made["word/document.xml"].replace(f'xmlns:w="{WORD}"'.encode(), NAMES.encode())
    return files.zipped(made | {"word/document.xml": declared})


def lines(data: bytes) -> list[str]:
    return [line for line in parse(data).text.splitlines() if line]


def changed(data: bytes, old: str, new: str) -> bytes:
    """The DOCX with other words in the names of its parts and in its relations."""
    return files.zipped(
        {
            name.replace(old, new): content.replace(old.encode(), new.encode())
            if name.endswith(".rels")
            else content
            for name, content in files.unzipped(data).items()
        }
    )


def relations(**targets: str) -> dict[str, str]:
    named = "".join(
        f'<Relationship Id="{kind}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for kind, target in targets.items()
    )
    about = "http://schemas.openxmlformats.org/package/2006/relationships"
    return {"word/_rels/document.xml.rels": f'<Relationships xmlns="{about}">{named}</Relationships>'}


NOTED = paragraph("Lamp") + item(run("oil")) + '<w:p><w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
NOTES = f'<w:footnotes xmlns:w="{WORD}"><w:footnote w:id="2">{item(run("wick"))}</w:footnote></w:footnotes>'
WHOLE = docx(
    NOTED,
    {
        "word/footnotes.xml": NOTES,
        **relations(styles="styles.xml", numbering="numbering.xml", footnotes="footnotes.xml"),
    },
)
READ = ["Lamp", "3) oil", "[1]", "1. 4) wick"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("numbering.xml", "numbering2.xml"),
        ("footnotes.xml", "notes/feet.xml"),
        ('Target="styles.xml"', 'Target="/word/styles.xml"'),
        ("word/", "a folder/"),
        ("word/", "word\\"),
        ("</Relationships>", ""),
    ],
)
def test_parts_are_found_by_their_relations(old: str, new: str) -> None:
    data = changed(WHOLE, old, new) if old else WHOLE
    assert sniff(data) == "docx"
    assert [line.removesuffix(" ↑") for line in lines(data)] == READ


def test_parts_without_relations_are_found_by_their_names() -> None:
    made = {
        name.replace("word/", "Word/"): content
        for name, content in files.unzipped(WHOLE).items()
        if not name.endswith(".rels")
    }
    assert [line.removesuffix(" ↑") for line in lines(files.zipped(made))] == READ


def test_strict_documents_are_read_as_others_are() -> None:
    math = "<w:p><m:oMath><m:r><m:t>a=b</m:t></m:r></m:oMath></w:p>"
    # The second of the notes is not there.
    note = "".join(f'<w:p><w:r><w:footnoteReference w:id="{number}"/></w:r></w:p>' for number in (2, 3))
    data = docx(paragraph("One", "Heading1") + item(run("oil")) + math + note, {"word/footnotes.xml": NOTES})
    made = files.unzipped(data)
    for name, other in STRICT.items():
        made = {part: content.replace(name.encode(), other.encode()) for part, content in made.items()}
    strict = files.zipped(made)
    assert parse(strict) == parse(data)
    assert lines(strict)[:4] == ["One", "3) oil", "a=b", "[1]"]


BOX = f"<w:txbxContent>{item(run('wick'))}</w:txbxContent>"
NEW_BOX = f"<w:drawing><wps:wsp><wps:txbx>{BOX}</wps:txbx></wps:wsp></w:drawing>"
OLD_BOX = f"<w:pict><v:oval><v:textbox>{BOX}</v:textbox></v:oval></w:pict>"


def alternatives(*choices: str, fallback: str | None = None) -> str:
    told = "".join(f'<mc:Choice Requires="wps">{choice}</mc:Choice>' for choice in choices)
    last = "" if fallback is None else f"<mc:Fallback>{fallback}</mc:Fallback>"
    return f"<mc:AlternateContent>{told}{last}</mc:AlternateContent>"


@pytest.mark.parametrize(
    "box",
    [
        NEW_BOX,
        OLD_BOX,
        alternatives(NEW_BOX, fallback=OLD_BOX),
        alternatives(NEW_BOX),
        alternatives(NEW_BOX, fallback="<w:pict/>"),
        alternatives("<w:drawing/>", fallback=OLD_BOX),
        f"<w:object><v:shape>{NEW_BOX}<v:imagedata r:id='none'/></v:shape></w:object>",
    ],
)
def test_a_text_box_is_read_once_and_counted_once(box: str) -> None:
    body = item(run("oil") + f"<w:r>{box}</w:r>") + item(run("wax"))
    assert lines(docx(body)) == ["3) oil", "4) wick", "5) wax"]


DELETED = "<w:del><w:r><w:delText>no</w:delText></w:r></w:del>"


def mark(name: str) -> str:
    return f'<w:rPr><w:{name} w:id="1"/></w:rPr>'


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (item(run("a")) + item(DELETED, mark("del")) + item(run("b")), ["3) a", "4) b"]),
        (
            item("<w:moveFrom><w:r><w:t>b</w:t></w:r></w:moveFrom>", mark("moveFrom"))
            + item(run("a"))
            + item("<w:moveTo><w:r><w:t>b</w:t></w:r></w:moveTo>"),
            ["3) a", "4) b"],
        ),
        (item(run("a "), mark("del")) + item(run("b")) + item(run("c")), ["3) a b", "4) c"]),
        (item(run("a"), mark("del")), ["3) a"]),
        (
            f"<w:tbl><w:tr><w:trPr><w:del/></w:trPr><w:tc>{item(run('a'))}</w:tc></w:tr>"
            f"<w:tr><w:tc>{item(run('b'))}</w:tc></w:tr></w:tbl>",
            ["3) b"],
        ),
    ],
)
def test_what_is_deleted_is_neither_read_nor_counted(body: str, shown: list[str]) -> None:
    assert lines(docx(body)) == shown


def field(kind: str) -> str:
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


CODE = "<w:r><w:instrText>PAGE</w:instrText></w:r>"
NESTED = field("begin") + CODE + field("separate") + run("7") + field("end")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (f'{run("See ")}<w:fldSimple w:instr="REF x">{run("Rule 4")}</w:fldSimple>', ["See Rule 4"]),
        (f"{run('On ')}{NESTED}", ["On 7"]),
        (f"{field('begin')}{CODE}{NESTED}{CODE}{field('separate')}{run('so')}{field('end')}", ["so"]),
        (f"{field('begin')}{CODE}{run('whole')}", ["whole"]),
        (f"{field('end')}{run('whole')}{field('separate')}", ["whole"]),
        (f'<w:hyperlink r:id="none">{run("a link")}</w:hyperlink>', ["a link"]),
        (f'<w:dir w:val="rtl">{run("one ")}</w:dir><w:bdo w:val="ltr">{run("two")}</w:bdo>', ["one two"]),
        (
            f"<w:r><w:ruby><w:rt>{run('かな')}</w:rt><w:rubyBase>{run('漢字')}</w:rubyBase></w:ruby></w:r>",
            ["漢字"],
        ),
        (f"<w:sdt><w:sdtContent>{run('held')}</w:sdtContent></w:sdt>", ["held"]),
        (alternatives(run("new"), run("newer"), fallback=run("old")), ["new"]),
        (alternatives("<w:r/>", fallback=run("old")), ["old"]),
        ("<w:r><w:t>a</w:t><w:cr/><w:t>b</w:t><w:br w:type='page'/><w:t>c</w:t></w:r>", ["a", "b", "c"]),
        ("<w:r><w:t>a</w:t><w:ptab/><w:t>b</w:t></w:r>", ["a b"]),
        ('<w:r><w:sym w:font="Symbol" w:char="F061"/></w:r>', ["\u03b1"]),
        ('<w:r><w:sym w:font="Times New Roman" w:char="03B2"/><w:sym w:font="X" w:char="?"/></w:r>', ["β"]),
    ],
)
def test_words_are_read_whatever_is_around_them(words: str, shown: list[str]) -> None:
    assert lines(docx(f"<w:p>{words}</w:p>")) == shown


def test_an_equation_in_a_note_is_read() -> None:
    math = "<m:oMath><m:r><m:t>a=b</m:t></m:r></m:oMath>"
    notes = f'<w:endnotes {NAMES}><w:endnote w:id="2"><w:p>{run("By ")}{math}</w:p></w:endnote></w:endnotes>'
    body = f'<w:p>{run("So")}<w:r><w:endnoteReference w:id="2"/></w:r></w:p>'
    assert "By a=b" in parse(docx(body, {"word/endnotes.xml": notes})).text


def test_a_heading_is_one_by_its_outline_level_or_by_what_its_style_is_based_on() -> None:
    style = '<w:style w:type="paragraph" w:styleId="{}"><w:name w:val="{}"/>{}</w:style>'
    styles = (
        style.format("h", "heading 1", "")
        + style.format("own", "Kapitel", '<w:basedOn w:val="h"/>')
        + style.format("level", "Nacht", '<w:pPr><w:outlineLvl w:val="1"/></w:pPr>')
        + style.format("toc", "TOC Heading", '<w:basedOn w:val="h"/><w:pPr><w:outlineLvl w:val="9"/></w:pPr>')
    )
    body = "".join(
        f"<w:p><w:pPr>{properties}</w:pPr>{run(text)}</w:p>{paragraph('Words.')}"
        for text, properties in {
            "Contents": '<w:pStyle w:val="toc"/>',
            "One": '<w:pStyle w:val="own"/>',
            "Night": '<w:pStyle w:val="level"/>',
            "Two": '<w:outlineLvl w:val="0"/>',
            "Plain": '<w:pStyle w:val="own"/><w:outlineLvl w:val="9"/>',
        }.items()
    )
    book = parse(docx(body, {"word/styles.xml": f'<w:styles xmlns:w="{WORD}">{styles}</w:styles>'}))
    assert [span.title for span in book.chapters] == ["", "One", "Night", "Two"]
