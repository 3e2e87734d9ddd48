"""Office equations (OMML) as lines of signs: a fraction is `a/b`, a power is `x²` or `x^(n+1)`."""

from app.parsing.html.markup import Element, attribute, local_name

_RAISED = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_LOWERED = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")


def equation_text(element: Element) -> str:
    """Return an element of an equation as a line of signs."""
    name = local_name(element)
    if name == "t":
        return str(element.text or "")
    parts = {local_name(child): child for child in element}

    def part(wanted: str) -> str:
        return equation_text(parts[wanted]) if wanted in parts else ""

    if name == "f":
        return f"{_grouped(part('num'))}/{_grouped(part('den'))}"
    if name in ("ssup", "ssub", "ssubsup"):
        return f"{part('e')}{_index(part('sub'), '_', _LOWERED)}{_index(part('sup'), '^', _RAISED)}"
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


def _grouped(text: str) -> str:
    return text if len(text) < 2 or text.isalnum() else f"({text})"


def _index(text: str, mark: str, small: dict[int, int]) -> str:
    if not text:
        return ""
    if all(ord(sign) in small for sign in text):
        return text.translate(small)
    return f"{mark}{text}" if len(text) == 1 else f"{mark}({text})"
