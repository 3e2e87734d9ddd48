"""The numbers that Word makes for paragraphs, by their styles, formats and the texts of their levels."""

import re
from collections.abc import Iterator

from app.parsing.html.markup import Element, attribute, local_name
from app.parsing.list_numerals import roman

_LEVELS = 9
_PLACE = re.compile(r"%([1-9])")


class Numbering:
    """The lists of a document. `numbering` and `styles` are the roots of its parts of these names."""

    def __init__(self, numbering: Element | None, styles: Element | None) -> None:
        self._lists = _by_id(numbering, "abstractnum", "abstractNumId")
        self._uses = _by_id(numbering, "num", "numId")
        self._styles = _by_id(styles, "style", "styleId")
        # The last number of each level of each list, 0 before the first; and which uses have begun.
        self._counts: dict[str, list[int]] = {}
        self._begun: set[tuple[str, int]] = set()

    def number(self, paragraph: Element) -> str:
        """Count a paragraph, and return what stands before it, such as `2.1) `; "" where nothing does.

        Paragraphs come in the document's order. Bullets are nothing here.
        """
        use, level = self._place(paragraph)
        if use is None or level is None or not 0 <= level < _LEVELS:
            return ""
        name = self._list_of(use)
        if name is None:
            return ""
        counts = self._counts.setdefault(name, [0] * _LEVELS)
        here = self._level(use, name, level)
        if here is None:
            return ""
        override = self._start_override(use, level)
        if override is not None and (use, level) not in self._begun:
            counts[level] = override
        else:
            counts[level] = counts[level] + 1 if counts[level] else _number(_value(here, "start"), 1)
        self._begun.add((use, level))
        counts[level + 1 :] = [0] * (_LEVELS - level - 1)
        text = _value(here, "lvltext") or ""
        if (_value(here, "numfmt") or "decimal") in ("bullet", "none") or not text:
            return ""
        plain = _child(here, "islgl") is not None

        def figures(place: re.Match[str]) -> str:
            other = int(place[1]) - 1
            about = self._level(use, name, other)
            form = "decimal" if about is None or plain else _value(about, "numfmt") or "decimal"
            first = 1 if about is None else _number(_value(about, "start"), 1)
            return _in_figures(counts[other] or first, form)

        gap = "" if _value(here, "suff") == "nothing" else " "
        return _PLACE.sub(figures, text) + gap

    def _place(self, paragraph: Element) -> tuple[str | None, int | None]:
        """The use of a list, and the level, that a paragraph has by itself or by its style."""
        properties = _child(paragraph, "ppr")
        style = None if properties is None else _value(properties, "pstyle")
        use, level = _reference(properties)
        for name, about in self._chain(style):
            if use is not None:
                break
            use, own = _reference(_child(about, "ppr"))
            if use is not None and level is None:
                level = own if own is not None else self._level_of_style(use, name)
        return (None, None) if use in (None, "0") else (use, level or 0)

    def _chain(self, style: str | None) -> Iterator[tuple[str, Element]]:
        seen: set[str] = set()
        while style is not None and style in self._styles and style not in seen:
            seen.add(style)
            yield style, self._styles[style]
            style = _value(self._styles[style], "basedon")

    def _level_of_style(self, use: str, style: str) -> int | None:
        name = self._list_of(use)
        for about in [] if name is None else self._lists[name]:
            if local_name(about) == "lvl" and _value(about, "pstyle") == style:
                return _number(attribute(about, "ilvl"), 0)
        return None

    def _list_of(self, use: str) -> str | None:
        about = self._uses.get(use)
        name = None if about is None else _value(about, "abstractnumid")
        if name is None or name not in self._lists:
            return None
        # A list may be that of a style.
        linked = self._styles.get(_value(self._lists[name], "numstylelink") or "")
        other = None if linked is None else _reference(_child(linked, "ppr"))[0]
        if other is not None and other != use and other in self._uses:
            name = _value(self._uses[other], "abstractnumid") or name
        return name if name in self._lists else None

    def _level(self, use: str, name: str, level: int) -> Element | None:
        override = self._override(use, level)
        own = None if override is None else _child(override, "lvl")
        if own is not None:
            return own
        found = (each for each in self._lists[name] if local_name(each) == "lvl")
        return next((each for each in found if _number(attribute(each, "ilvl"), 0) == level), None)

    def _override(self, use: str, level: int) -> Element | None:
        found = (each for each in self._uses[use] if local_name(each) == "lvloverride")
        return next((each for each in found if _number(attribute(each, "ilvl"), 0) == level), None)

    def _start_override(self, use: str, level: int) -> int | None:
        override = self._override(use, level)
        value = None if override is None else _value(override, "startoverride")
        return None if value is None else _number(value, 1)


def _in_figures(number: int, form: str) -> str:
    if form == "decimalZero":
        return f"{number:02d}"
    if form in ("lowerLetter", "upperLetter"):  # Word goes on with aa, bb
        found = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
    elif form in ("lowerRoman", "upperRoman"):
        found = roman(number)
    else:
        return str(number)
    return found.upper() if form.startswith("upper") else found


def _reference(properties: Element | None) -> tuple[str | None, int | None]:
    """The use of a list, and the level, that properties of a paragraph name."""
    about = None if properties is None else _child(properties, "numpr")
    if about is None:
        return None, None
    level = _value(about, "ilvl")
    return _value(about, "numid"), None if level is None else _number(level, 0)


def _by_id(root: Element | None, wanted: str, key: str) -> dict[str, Element]:
    found = [] if root is None else [each for each in root if local_name(each) == wanted]
    return {name: each for each in found if (name := attribute(each, key)) is not None}


def _child(element: Element, wanted: str) -> Element | None:
    return next((each for each in element if local_name(each) == wanted), None)


def _value(element: Element, wanted: str) -> str | None:
    """The `val` of the child of this name."""
    child = _child(element, wanted)
    return None if child is None else attribute(child, "val")


def _number(value: str | None, default: int) -> int:
    return int(value) if value is not None and value.isdecimal() and len(value) < 6 else default
