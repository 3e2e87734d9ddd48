"""Small books in real formats, made in the test."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence

Page = Sequence[tuple[float, float, float, str]]  # left, height and size in points, and the words

_CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>"""
_METADATA = "<dc:title>The Lamp</dc:title><dc:creator>M. Ost</dc:creator><dc:language>en</dc:language>"
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def zipped(entries: Mapping[str, bytes | str]) -> bytes:
    """A zip archive of these entries, deflated."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    """The entries of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_damaged_entry(data: bytes, name: str) -> bytes:
    """The archive with another last byte in one of its entries, of which the checksum is then wrong."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = archive.getinfo(name)
    start = data.index(name.encode(), entry.header_offset) + len(name.encode())
    end = start + entry.compress_size
    return data[: end - 1] + bytes([data[end - 1] ^ 0xFF]) + data[end:]


def xhtml(body: str, attributes: str = "") -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>'
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'
        f"<head><title>file</title></head><body {attributes}>{body}</body></html>"
    )


def epub(
    documents: Mapping[str, str],
    *,
    nav: str | None = None,
    ncx: str | None = None,
    guide: str = "",
    metadata: str = _METADATA,
    more: Mapping[str, bytes | str] | None = None,
) -> bytes:
    """An EPUB whose spine is these documents; `nav` is the body of its navigation document."""
    items = [
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(documents)
    ]
    refs = [f'<itemref idref="i{n}"/>' for n in range(len(documents))]
    entries: dict[str, bytes | str] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": _CONTAINER,
    }
    entries |= {f"OEBPS/{name}": content for name, content in documents.items()}
    if nav is not None:
        items.append('<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>')
        refs.insert(0, '<itemref idref="nav"/>')
        entries["OEBPS/nav.xhtml"] = xhtml(nav)
    if ncx is not None:
        items.append('<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>')
        entries["OEBPS/toc.ncx"] = f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/">{ncx}</ncx>'
    entries["OEBPS/book.opf"] = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata>{metadata}</metadata><manifest>{''.join(items)}</manifest>"
        f"<spine>{''.join(refs)}</spine>{guide}</package>"
    )
    return zipped({**entries, **(more or {})})


def docx(body: str, *, more: Mapping[str, bytes | str] | None = None) -> bytes:
    """A DOCX with this body in WordprocessingML, and the styles Title and Heading1."""
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/></w:style>'
        for key, name in (("Title", "Title"), ("Heading1", "heading 1"), ("Heading2", "heading 2"))
    )
    kinds = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    return zipped(
        {
            "[Content_Types].xml": (
                '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
                '<Default Extension="rels" '
                'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
                '<Default Extension="xml" ContentType="application/xml"/>'
                f'<Override PartName="/word/document.xml" ContentType="{kinds}.document.main+xml"/>'
                f'<Override PartName="/word/styles.xml" ContentType="{kinds}.styles+xml"/></Types>'
            ),
            "_rels/.rels": (
                f'<Relationships xmlns="{_RELATIONS}">'
                f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/>'
                "</Relationships>"
            ),
            "word/_rels/document.xml.rels": (
                f'<Relationships xmlns="{_RELATIONS}">'
                f'<Relationship Id="r1" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
            ),
            "word/styles.xml": f"<w:styles {_W}>{styles}</w:styles>",
            "word/document.xml": f"<w:document {_W}><w:body>{body}</w:body></w:document>",
            **(more or {}),
        }
    )


def paragraph(text: str, style: str = "") -> str:
    """A paragraph of WordprocessingML."""
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{properties}<w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def pdf(
    pages: Sequence[Page | bytes],
    *,
    catalog: str = "",
    info: str = "",
    more: Sequence[str] = (),
    packed: bool = False,
    letters: str = "",
) -> bytes:
    """A PDF in Helvetica; a page given as bytes is its content stream.

    Its objects are 1 catalog, 2 pages, 3 font, from 4 on each page and its content, then `more`. Words in
    `letters`, at most 90, are in a font whose letters are all half as wide as high.
    """
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>".encode(),
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    other = f"/O {4 + 2 * len(pages) + len(more)} 0 R" if letters else ""
    for number, page in enumerate(pages):
        content = page if isinstance(page, bytes) else _content(page, letters)
        stream = zlib.compress(content, 9) if packed else content
        packing = "/Filter/FlateDecode" if packed else ""
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents {5 + 2 * number} 0 R"
            f"/Resources<</Font<</F 3 0 R{other}>>>>>>".encode()
        )
        objects.append(f"<</Length {len(stream)}{packing}>>stream\n".encode() + stream + b"\nendstream")
    objects += [each.encode() for each in more]
    if letters:
        objects += _font(letters, len(objects) + 2)
    objects.append(f"<<{info}>>".encode("cp1252"))
    out = b"%PDF-1.7\n"
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + each + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    trailer = f"<</Size {len(objects) + 1}/Root 1 0 R/Info {len(objects)} 0 R>>"
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n"
    return out + f"{head}{table}trailer{trailer}\nstartxref\n{len(out)}\n%%EOF".encode()


def lines(
    *texts: str, top: float = 700, left: float = 60, size: float = 12
) -> list[tuple[float, float, float, str]]:
    """Lines of one paragraph, for a page of `pdf`."""
    return [(left, top - 1.2 * size * number, size, text) for number, text in enumerate(texts)]


def _font(letters: str, second: int) -> list[bytes]:
    """The objects of a font with these letters from the code 33 on; the second has the number `second`."""
    codes = "".join(
        f"<{33 + place:02x}><{letter.encode('utf-16-be').hex()}>\n" for place, letter in enumerate(letters)
    )
    meaning = (
        f"begincmap 1 begincodespacerange <00><ff> endcodespacerange {len(letters) + 1} beginbfchar\n"
        f"<20><0020>\n{codes}endbfchar endcmap"
    ).encode()
    widths = " 500" * (len(letters) + 1)
    return [
        f"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/FirstChar 32/LastChar {32 + len(letters)}"
        f"/Widths[{widths}]/ToUnicode {second} 0 R>>".encode(),
        b"<</Length %d>>stream\n" % len(meaning) + meaning + b"\nendstream",
    ]


def _content(page: Page, letters: str = "") -> bytes:
    said = []
    for left, height, size, text in page:
        font = "O" if letters and {*text} <= {*letters, " "} else "F"
        if font == "O":
            text = "".join(" " if letter == " " else chr(33 + letters.index(letter)) for letter in text)
        escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        said.append(f"BT /{font} {size} Tf {left} {height} Td ({escaped}) Tj ET")
    return "\n".join(said).encode("cp1252")
