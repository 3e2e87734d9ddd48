"""The numbers of the items of HTML's lists, as a reader sees them."""

import re
from collections.abc import Mapping

from lxml import etree

from app.parsing.html.markup import Element, local_name
from app.parsing.list_numerals import GREEK, letters, roman

_LISTS = ("ol", "ul", "menu", "dir")
_INTEGER = re.compile(r"\s*([+-]?\d{1,9})(?!\d)")
_STYLE = re.compile(r"list-style(?:-type)?\s*:([^;]*)", re.IGNORECASE)
# HTML's types of lists as CSS has them.
_TYPES = {
    "1": "decimal",
    "a": "lower-alpha",
    "A": "upper-alpha",
    "i": "lower-roman",
    "I": "upper-roman",
}
_WITHOUT = frozenset(("none", "disc", "circle", "square", "disclosure-open", "disclosure-closed"))
_PLACES = frozenset(("inside", "outside", "!important"))


def item_numbers(root: Element) -> dict[Element, str]:
    """Return what stands before each item of the lists in a tree, such as `3.` or `iv.`.

    By HTML's `start`, `reversed`, `type` and `value`, and the style of a list or an item itself. Items that
    show no number are left out.
    """
    found: dict[Element, str] = {}
    for owner, items in _items(root).items():
        form = _form(owner, "none" if local_name(owner) != "ol" else _TYPES.get(owner.get("type"), "decimal"))
        step = -1 if "reversed" in owner.attrib else 1
        number = _integer(owner.get("start"), len(items) if step < 0 else 1) - step
        for item in items:
            number = _integer(item.get("value"), number + step)
            own = _form(item, _TYPES.get(item.get("type"), form))
            if own not in _WITHOUT:
                found[item] = f"{_in_figures(number, own)}."
    return found


def _items(root: Element) -> Mapping[Element, list[Element]]:
    """The visible items of each list, whatever stands between a list and its items."""
    found: dict[Element, list[Element]] = {}
    around: list[Element] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = local_name(element)
        if tag in _LISTS and event == "start":
            around.append(element)
        elif tag in _LISTS:
            around.pop()
        elif tag == "li" and event == "start" and around and "hidden" not in element.attrib:
            found.setdefault(around[-1], []).append(element)
    return found


def _form(element: Element, default: str) -> str:
    """The form of numbers that an element's own style names, by CSS's name; a text of its own is none."""
    for value in reversed(_STYLE.findall(element.get("style") or "")):
        for word in value.lower().split():
            if word.startswith(("'", '"')):
                return "none"
            if word not in _PLACES and not word.startswith("url("):
                return str(word)
    return default


def _in_figures(number: int, form: str) -> str:
    if form == "decimal-leading-zero":
        return f"{number:02d}"
    case, _, kind = form.partition("-")
    if number < 1 or case not in ("lower", "upper"):
        return str(number)
    if kind in ("alpha", "latin"):
        figures = letters(number)
    elif kind == "roman":
        figures = roman(number)
    elif form == "lower-greek":
        figures = letters(number, GREEK)
    else:
        return str(number)
    return figures.upper() if case == "upper" else figures


def _integer(value: str | None, default: int) -> int:
    """The whole number with which a value begins, as HTML reads it."""
    match = _INTEGER.match(value or "")
    return default if match is None else int(match[1])
