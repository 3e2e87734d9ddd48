"""Makes of a document what Word shows of it, in the elements that mammoth reads: it leaves others out."""

from collections.abc import Iterator

from lxml import etree

from app.parsing.docx.properties import WORD
from app.parsing.html.markup import Element, attribute, inner_text, local_name

_ALTERNATE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}AlternateContent"
_BOX = f"{WORD}txbxContent"
# What is around words and changes none of them. Where links lead is no text.
_AROUND = [
    f"{WORD}{name}" for name in ("fldSimple", "hyperlink", "dir", "bdo", "smartTag", "rubyBase", "ruby")
]
_PICTURES = [f"{WORD}{name}" for name in ("drawing", "pict", "object")]
_OF_MARKS = (f"{WORD}rPr", f"{WORD}trPr")
# Fonts whose signs mammoth knows; of any other font a sign is the character of its number.
_FONTS_OF_SIGNS = ("Symbol", "Webdings", "Wingdings", "Wingdings 2", "Wingdings 3")


def keep_what_is_shown(root: Element) -> None:
    """Reduce a tree to what is shown, and write that in elements that mammoth reads.

    Of alternatives one stays, of tracked changes what is there after them, of fields the result, of ruby the
    base, of pictures the text boxes.
    """
    _choose_alternatives(root)
    _drop_deleted(root)
    _drop_field_codes(root)
    for reading in list(root.iter(f"{WORD}rt")):
        reading.getparent().remove(reading)
    for around in list(root.iter(_AROUND)):
        _unwrap(around, around)
    _reduce_to_boxes(root)
    _write_signs(root)


def _choose_alternatives(root: Element) -> None:
    """The same is said in several ways: the first with text stays, else the last, which all programs know."""
    for alternate in list(root.iter(_ALTERNATE)):
        ways = list(alternate)
        said = next((way for way in ways if inner_text(way)), ways[-1] if ways else alternate)
        _unwrap(alternate, said)


def _unwrap(outer: Element, inner: Element) -> None:
    """Put what is in `inner` in the place of `outer`."""
    for each in list(inner):
        outer.addprevious(each)
    outer.getparent().remove(outer)


def _drop_deleted(root: Element) -> None:
    for each in list(root.iter(f"{WORD}del", f"{WORD}moveFrom")):
        if each.getparent().tag not in _OF_MARKS:
            each.getparent().remove(each)
    for row in list(root.iter(f"{WORD}tr")):
        if row.find(f"{WORD}trPr/{WORD}del") is not None:
            row.getparent().remove(row)
    for paragraph in list(root.iter(f"{WORD}p")):
        marks = [paragraph.find(f"{WORD}pPr/{WORD}rPr/{WORD}{name}") for name in ("del", "moveFrom")]
        if any(mark is not None for mark in marks):
            _join_to_next(paragraph)


def _join_to_next(paragraph: Element) -> None:
    """Join a paragraph whose end is deleted to the one behind it, which keeps its own style and number."""
    words = [each for each in paragraph if each.tag != f"{WORD}pPr"]
    following = paragraph.getnext()
    if following is not None and following.tag == paragraph.tag:
        properties = following.find(f"{WORD}pPr")
        place = 0 if properties is None else following.index(properties) + 1
        following[place:place] = words
        paragraph.getparent().remove(paragraph)
    elif not words:
        paragraph.getparent().remove(paragraph)
    else:
        about = paragraph.find(f"{WORD}pPr")
        about.remove(about.find(f"{WORD}rPr"))


def _drop_field_codes(root: Element) -> None:
    """Take out the words that fields compute with. A field without an end is none."""
    parts = list(root.iter(f"{WORD}fldChar", f"{WORD}t"))
    begun: list[tuple[int, int | None]] = []
    depth = [0] * (len(parts) + 1)
    for place, part in enumerate(parts):
        kind = attribute(part, "fldCharType")
        if kind == "begin":
            begun.append((place, None))
        elif kind == "separate" and begun:
            begun[-1] = (begun[-1][0], begun[-1][1] or place)
        elif kind == "end" and begun:
            start, end = begun.pop()
            depth[start] += 1
            depth[end or place] -= 1
    inside = 0
    for part, change in zip(parts, depth, strict=False):
        inside += change
        if inside and part.tag == f"{WORD}t":
            part.getparent().remove(part)


def _reduce_to_boxes(root: Element) -> None:
    # Those within others come first.
    for picture in reversed(list(root.iter(_PICTURES))):
        boxes = list(_boxes(picture))
        if boxes:
            kept = etree.Element(f"{WORD}pict")
            picture.addprevious(kept)
            kept.extend(boxes)
        picture.getparent().remove(picture)


def _boxes(element: Element) -> Iterator[Element]:
    for each in element:
        if each.tag == _BOX:
            yield each
        else:
            yield from _boxes(each)


def _write_signs(root: Element) -> None:
    for each in list(root.iter(f"{WORD}sym")):
        code = attribute(each, "char") or ""
        try:
            sign = chr(int(code, 16))
        except (ValueError, OverflowError):
            each.getparent().remove(each)
            continue
        if attribute(each, "font") not in _FONTS_OF_SIGNS:
            each.tag, each.text = f"{WORD}t", sign if sign.isprintable() else ""
    for each in root.iter(f"{WORD}cr", f"{WORD}ptab", f"{WORD}br"):
        # The break of a page is one of a line, too.
        each.attrib.clear()
        each.tag = f"{WORD}{'tab' if local_name(each) == 'ptab' else 'br'}"
