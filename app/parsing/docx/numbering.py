"""The numbers that Word makes for paragraphs, by their styles, formats and the texts of their levels."""

import re

from app.parsing.docx.properties import by_id, child, number, value
from app.parsing.docx.styles import Styles
from app.parsing.html.markup import Element, attribute, local_name
from app.parsing.list_numerals import in_words, ordinal_figures, roman

_LEVELS = 9
_PLACE = re.compile(r"%([1-9])")


class Numbering:
    """The lists of a document, by the root of its part `numbering` and its styles."""

    def __init__(self, numbering: Element | None, styles: Styles) -> None:
        self._lists = by_id(numbering, "abstractnum", "abstractNumId")
        self._uses = by_id(numbering, "num", "numId")
        self._styles = styles
        # The last number of each level of each list, None before the first; and which uses have begun.
        self._counts: dict[str, list[int | None]] = {}
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
        counts = self._counts.setdefault(name, [None] * _LEVELS)
        here = self._level(use, name, level)
        if here is None:
            return ""
        override = self._start_override(use, level)
        last = counts[level]
        if override is not None and (use, level) not in self._begun:
            counts[level] = override
        else:
            counts[level] = number(value(here, "start"), 1) if last is None else last + 1
        self._begun.add((use, level))
        for deeper in range(level + 1, _LEVELS):
            if self._restarts(use, name, deeper, level):
                counts[deeper] = None
        form = value(here, "numfmt") or "decimal"
        if form == "bullet":
            return ""
        plain = child(here, "islgl") is not None

        def figures(place: re.Match[str]) -> str:
            other = int(place[1]) - 1
            about = self._level(use, name, other)
            form = value(about, "numfmt") or "decimal"
            count = counts[other]
            first = number(value(about, "start"), 1) if count is None else count
            return _in_figures(first, "decimal" if plain and form != "none" else form)

        text = _PLACE.sub(figures, value(here, "lvltext") or "")
        gap = "" if value(here, "suff") == "nothing" or not text.strip() else " "
        return text.strip() + gap if gap else text.strip()

    def _restarts(self, use: str, name: str, level: int, after: int) -> bool:
        """Whether a level begins anew after another above it: always, unless it says after which alone."""
        about = self._level(use, name, level)
        return after < number(value(about, "lvlrestart"), _LEVELS)

    def _place(self, paragraph: Element) -> tuple[str | None, int | None]:
        """The use of a list, and the level, that a paragraph has by itself or by its style."""
        properties = child(paragraph, "ppr")
        style = value(properties, "pstyle")
        use, level = _reference(properties)
        for name, about in self._styles.chain(style):
            if use is not None:
                break
            use, own = _reference(child(about, "ppr"))
            if use is not None and level is None:
                level = own if own is not None else self._level_of_style(use, name)
        return (None, None) if use in (None, "0") else (use, level or 0)

    def _level_of_style(self, use: str, style: str) -> int | None:
        name = self._list_of(use)
        for about in [] if name is None else self._lists[name]:
            if local_name(about) == "lvl" and value(about, "pstyle") == style:
                return number(attribute(about, "ilvl"), 0)
        return None

    def _list_of(self, use: str) -> str | None:
        about = self._uses.get(use)
        name = None if about is None else value(about, "abstractnumid")
        if name is None or name not in self._lists:
            return None
        # A list may be that of a style.
        linked = next(self._styles.chain(value(self._lists[name], "numstylelink")), None)
        other = None if linked is None else _reference(child(linked[1], "ppr"))[0]
        if other is not None and other != use and other in self._uses:
            name = value(self._uses[other], "abstractnumid") or name
        return name if name in self._lists else None

    def _level(self, use: str, name: str, level: int) -> Element | None:
        override = self._override(use, level)
        own = None if override is None else child(override, "lvl")
        if own is not None:
            return own
        found = (each for each in self._lists[name] if local_name(each) == "lvl")
        return next((each for each in found if number(attribute(each, "ilvl"), 0) == level), None)

    def _override(self, use: str, level: int) -> Element | None:
        found = (each for each in self._uses[use] if local_name(each) == "lvloverride")
        return next((each for each in found if number(attribute(each, "ilvl"), 0) == level), None)

    def _start_override(self, use: str, level: int) -> int | None:
        override = self._override(use, level)
        start = value(override, "startoverride")
        return None if start is None else number(start, 1)


def _in_figures(count: int, form: str) -> str:
    if form == "none":
        return ""
    if form == "ordinal":
        return ordinal_figures(count)
    if form in ("cardinalText", "ordinalText"):
        return in_words(count, ordinal=form == "ordinalText")
    if form == "decimalZero":
        return f"{count:02d}"
    if form in ("lowerLetter", "upperLetter"):  # Word goes on with aa, bb
        found = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
    elif form in ("lowerRoman", "upperRoman"):
        found = roman(count)
    else:
        return str(count)
    return found.upper() if form.startswith("upper") else found


def _reference(properties: Element | None) -> tuple[str | None, int | None]:
    """The use of a list, and the level, that properties of a paragraph name."""
    about = child(properties, "numpr")
    if about is None:
        return None, None
    level = value(about, "ilvl")
    return value(about, "numid"), None if level is None else number(level, 0)
