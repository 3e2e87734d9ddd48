"""Office equations (OMML) as lines of signs: a fraction is `a/b`, a power is `x²` or `x^(n+1)`."""

import unicodedata

from lxml import etree

from app.parsing.docx.properties import WORD, run
from app.parsing.html.markup import Element, attribute, local_name

_COMPOUND = ("f", "ssup", "ssub", "ssubsup", "rad", "nary")
# The signs over a name, where a document names none: a hat, and a line.
_OVER = {"acc": "\u0302", "bar": "\u0305"}
_RAISED = str.maketrans("0123456789+-\u2212=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
_LOWERED = str.maketrans("0123456789+-\u2212=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")


def write_equations(root: Element) -> None:
    """Put the signs of each equation of a tree in its place, on a line of its own where it has one."""
    for equation in [each for each in root.iter() if local_name(each) == "omath"]:
        outer = equation.getparent()
        alone = local_name(outer) == "omathpara"
        place = outer if alone else equation
        words = run(equation_text(equation))
        if local_name(place.getparent()) != "p" and alone:
            paragraph = etree.Element(f"{WORD}p")
            paragraph.append(words)
            place.addprevious(paragraph)
        else:
            place.addprevious(words)
        if alone:
            words.insert(0, etree.Element(f"{WORD}br"))
            words.append(etree.Element(f"{WORD}br"))
        outer.remove(equation)


def equation_text(element: Element) -> str:
    """Return an element of an equation as a line of signs."""
    name = local_name(element)
    if name == "t":
        return str(element.text or "")
    parts = {local_name(child): child for child in element}

    def part(wanted: str) -> str:
        return equation_text(parts[wanted]) if wanted in parts else ""

    if name == "f":
        if _property(parts.get("fpr"), "type", "bar") == "noBar":  # as in a binomial coefficient
            return f"{part('num')}; {part('den')}"
        return f"{_grouped(part('num'))}/{_grouped(part('den'))}"
    if name in ("ssup", "ssub", "ssubsup"):
        return (
            f"{_base(parts.get('e'))}{_index(part('sub'), '_', _LOWERED)}{_index(part('sup'), '^', _RAISED)}"
        )
    if name == "spre":
        return f"{_index(part('sup'), '^', _RAISED)}{_index(part('sub'), '_', _LOWERED)}{part('e')}"
    if name in ("acc", "bar", "groupchr"):
        sign = _property(parts.get(f"{name}pr"), "chr", _OVER.get(name, ""))
        under = name == "bar" and _property(parts.get("barpr"), "pos", "bot") == "bot"
        return _marked(part("e"), "\u0332" if under else sign)
    if name == "rad":
        degree = part("deg")
        return f"{_index(degree, '', _RAISED)}√{_grouped(part('e'))}"
    if name == "nary":
        sign = _property(parts.get("narypr"), "chr", "∫")
        limits = f"{_index(part('sub'), '_', _LOWERED)}{_index(part('sup'), '^', _RAISED)}"
        return f"{sign}{limits} {part('e')}"
    if name == "d":
        about = parts.get("dpr")
        inner = _property(about, "sepchr", "|").join(_texts(element, "e"))
        return f"{_property(about, 'begchr', '(')}{inner}{_property(about, 'endchr', ')')}"
    if name in ("limlow", "limupp"):
        return f"{part('e')}{_index(part('lim'), '_' if name == 'limlow' else '^', {})}"
    if name == "func":
        return f"{part('fname')} {part('e')}"
    if name == "m":
        return f"[{'; '.join(_texts(element, 'mr'))}]"
    if name == "mr":
        return ", ".join(_texts(element, "e"))
    if name == "eqarr":
        return "; ".join(_texts(element, "e"))
    return "".join(equation_text(child) for child in element if not local_name(child).endswith("pr"))


def _texts(element: Element, wanted: str) -> list[str]:
    return [equation_text(child) for child in element if local_name(child) == wanted]


def _property(about: Element | None, wanted: str, default: str) -> str:
    """The value of a property of an element; an empty value is none."""
    for child in [] if about is None else about:
        if local_name(child) == wanted:
            return attribute(child, "val") or ""
    return default


def _base(element: Element | None) -> str:
    """What has an index, in brackets where it is more than a name or has an index itself."""
    text = "" if element is None else equation_text(element)
    compound = [] if element is None else [each for each in element if local_name(each) in _COMPOUND]
    return f"({text})" if compound else text


def _marked(text: str, sign: str) -> str:
    """A name with a sign over or under it. What spans several names is not written as a sign of each."""
    return f"{text}{sign}" if len(text) == 1 and unicodedata.combining(sign[:1] or " ") else text


def _grouped(text: str) -> str:
    return text if len(text) < 2 or text.isalnum() else f"({text})"


def _index(text: str, mark: str, small: dict[int, int]) -> str:
    if not text:
        return ""
    if all(ord(sign) in small for sign in text):
        return text.translate(small)
    return f"{mark}{text}" if len(text) == 1 else f"{mark}({text})"
