"""The styles of a document's paragraphs: what each is based on, and which are headings."""

import re
from collections.abc import Iterator

from lxml import etree

from app.parsing.docx.properties import WORD, by_id, child, number, value
from app.parsing.html.markup import Element

_HEADING = re.compile(r"heading ([1-6])", re.IGNORECASE)
_LEVELS = 6
_BODY_TEXT = 9


class Styles:
    """The styles of a document. `root` is the root of its part of this name."""

    def __init__(self, root: Element | None) -> None:
        self.root = root
        self._styles = by_id(root, "style", "styleId")

    def chain(self, style: str | None) -> Iterator[tuple[str, Element]]:
        """Yield a style by its id, and those that it is based on, each with its id."""
        seen: set[str] = set()
        while style is not None and style in self._styles and style not in seen:
            seen.add(style)
            yield style, self._styles[style]
            style = value(self._styles[style], "basedon")

    def heading_level(self, paragraph: Element) -> int | None:
        """Return the level of a heading, from 1 on, by its outline level or its style; None for another."""
        properties = child(paragraph, "ppr")
        level = value(properties, "outlinelvl")
        for _, about in self.chain(value(properties, "pstyle")):
            name = _HEADING.fullmatch(value(about, "name") or "")
            if level is None and name is not None:
                return int(name[1])
            level = level or value(child(about, "ppr"), "outlinelvl")
        outline = number(level, _BODY_TEXT)
        return outline + 1 if outline < _LEVELS else None

    def mark_headings(self, document: Element) -> None:
        """Give each heading of a document the style of its level, which is added to the styles."""
        if self.root is None:
            self.root = etree.Element(f"{WORD}styles")
        for level in range(1, _LEVELS + 1):
            style = etree.SubElement(self.root, f"{WORD}style", _val("type", "paragraph"))
            style.set(f"{WORD}styleId", _heading_id(level))
            etree.SubElement(style, f"{WORD}name", _val("val", f"heading {level}"))
        for paragraph in list(document.iter(f"{WORD}p")):
            found = self.heading_level(paragraph)
            if found is None:
                continue
            properties = child(paragraph, "ppr")
            if properties is None:
                continue
            for old in properties.findall(f"{WORD}pStyle"):
                properties.remove(old)
            etree.SubElement(properties, f"{WORD}pStyle", _val("val", _heading_id(found)))


def _heading_id(level: int) -> str:
    return f"heading of level {level}"


def _val(name: str, text: str) -> dict[str, str]:
    return {f"{WORD}{name}": text}
