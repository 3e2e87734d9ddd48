"""Reads and writes WordprocessingML: properties, which are children that hold a value, and runs of words."""

from lxml import etree

from app.parsing.html.markup import Element, attribute, local_name

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def child(element: Element | None, wanted: str) -> Element | None:
    """Return the first child of this name in lower case, or None."""
    return next((each for each in ([] if element is None else element) if local_name(each) == wanted), None)


def value(element: Element | None, wanted: str) -> str | None:
    """Return the `val` of the first child of this name in lower case, or None."""
    found = child(element, wanted)
    return None if found is None else attribute(found, "val")


def number(text: str | None, default: int) -> int:
    """Return a whole number from 0 on, or the default where the text is none."""
    return int(text) if text is not None and text.isdecimal() and len(text) < 6 else default


def by_id(root: Element | None, wanted: str, key: str) -> dict[str, Element]:
    """Return the children of this name in lower case, by an attribute."""
    found = [] if root is None else [each for each in root if local_name(each) == wanted]
    return {name: each for each in found if (name := attribute(each, key)) is not None}


def run(text: str) -> Element:
    """Return a run of words."""
    made = etree.Element(f"{WORD}r")
    etree.SubElement(made, f"{WORD}t", {_SPACE: "preserve"}).text = text
    return made
