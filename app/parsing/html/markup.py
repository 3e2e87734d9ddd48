"""XML and HTML as trees: no entity is expanded, no DTD is read, nothing is fetched."""

import html.entities
import re
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from app.parsing.encoding import decode
from app.parsing.parsed import ParseError

Element = Any  # lxml's elements have no types
_OWN = {"amp", "lt", "gt", "quot", "apos"}
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_DECLARATION = re.compile(r"\s*<\?xml.*?\?>", re.DOTALL)


def xml(data: bytes) -> Element:
    """Return the root of an XML document. Raises ParseError unreadable-book when it is not well-formed."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    text = _DECLARATION.sub("", decode(data, markup=True), count=1)
    try:
        # HTML's names for characters mean nothing without its DTD; other names are what bombs are made of.
        return etree.fromstring(_NAMED.sub(_character, text).encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ParseError("unreadable-book", f"A part of the book is no XML: {error}.") from error


def xhtml(data: bytes) -> Element:
    """Return the root of a document of XHTML, read as HTML when it is not well-formed."""
    try:
        return xml(data)
    except ParseError:
        return page(data)


def page(data: bytes) -> Element | None:
    """Return the root of an HTML document, however broken; None when nothing is in it."""
    text = _DECLARATION.sub("", decode(data, markup=True), count=1)
    parser = lxml_html.HTMLParser(
        encoding="utf-8", no_network=True, huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        return lxml_html.document_fromstring(text.encode(), parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None


def name(element: Element) -> str:
    """Return an element's name without its namespace, in lower case; "" for a comment or an entity."""
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def attribute(element: Element, wanted: str) -> str | None:
    """Return an attribute by its name without a namespace."""
    for key, value in element.items():
        if key.rpartition("}")[2].rpartition(":")[2] == wanted:
            return str(value)
    return None


def said(element: Element) -> str:
    """Return the words in an element, on one line."""
    return " ".join("".join(element.itertext()).split())


def _character(match: re.Match[str]) -> str:
    if match[1] in _OWN:
        return match[0]
    return html.entities.html5.get(f"{match[1]};", "")
