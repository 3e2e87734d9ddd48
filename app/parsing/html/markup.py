"""Parses XML and HTML into trees. No entity is expanded, no DTD is read, nothing is fetched."""

import html
import html.entities
import re
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from app.parsing.encoding import decode
from app.parsing.parsed import ParseError

Element = Any  # lxml's elements have no types
_XML_ENTITIES = {"amp", "lt", "gt", "quot", "apos"}
_NAMED_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_BARE_AMPERSAND = re.compile(r"&(?!(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);)")
_DECLARATION = re.compile(r"\s*<\?xml.*?\?>", re.DOTALL)


def parse_xml(data: bytes) -> Element:
    """Return the root of an XML document; a bare `&` in it is the sign that was meant.

    ParseError: unreadable-text; unreadable-book if it is not well-formed otherwise.
    """
    text = _without_entities(data)
    try:
        return _xml(text)
    except (etree.XMLSyntaxError, ValueError):
        pass
    try:
        return _xml(_BARE_AMPERSAND.sub("&amp;", text))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ParseError("unreadable-book", f"A part of the book is no XML: {error}.") from error


def recover_xml(data: bytes) -> Element | None:
    """Return the root of what can be read of an XML document, however broken; None if nothing can.

    For what a book can do without: its tables. ParseError: unreadable-text.
    """
    try:
        return _xml(_BARE_AMPERSAND.sub("&amp;", _without_entities(data)), recover=True)
    except (etree.XMLSyntaxError, ValueError):
        # Nothing at all is in it.
        return None


def _without_entities(data: bytes) -> str:
    """A document's text with HTML's named entities replaced and all others, which XML bombs use, removed.

    No DTD is read that could name them.
    """
    return _NAMED_ENTITY.sub(_replace_entity, _text(data))


def _text(data: bytes) -> str:
    return _DECLARATION.sub("", decode(data, markup=True), count=1)


def _xml(text: str, recover: bool = False) -> Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )
    return etree.fromstring(text.encode(), parser)


def parse_xhtml(data: bytes) -> Element:
    """Return the root of an XHTML document; one that is not well-formed is parsed as HTML."""
    try:
        return parse_xml(data)
    except ParseError:
        return parse_html(data)


def parse_html(data: bytes) -> Element | None:
    """Return the root of an HTML document, however broken, or None if it is empty.

    ParseError: unreadable-text.
    """
    text = _text(data)
    parser = lxml_html.HTMLParser(
        encoding="utf-8", no_network=True, huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        return lxml_html.document_fromstring(text.encode(), parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None


def local_name(element: Element) -> str:
    """Return an element's name without namespace or prefix, in lower case; "" for a comment or an entity."""
    tag = element.tag
    return tag.rpartition("}")[2].rpartition(":")[2].lower() if isinstance(tag, str) else ""


def attribute(element: Element, wanted: str) -> str | None:
    """Return the value of an attribute by its name without namespace; None if there is none."""
    for key, value in element.items():
        if key.rpartition("}")[2].rpartition(":")[2] == wanted:
            return str(value)
    return None


def inner_text(element: Element) -> str:
    """Return the text in an element, on one line."""
    return " ".join("".join(element.itertext()).split())


def _replace_entity(match: re.Match[str]) -> str:
    if match[1] in _XML_ENTITIES:
        return match[0]
    return html.escape(html.entities.html5.get(f"{match[1]};", ""))
