"""The numbers of the items of HTML's ordered lists, as a reader sees them."""

from app.parsing.html.markup import Element, local_name
from app.parsing.list_numerals import letters, roman


def item_numbers(root: Element) -> dict[Element, str]:
    """Return what stands before each item of the ordered lists in a tree, such as `3.` or `iv.`.

    By HTML's `start`, `reversed`, `type` and `value`. Items of lists that show no numbers are left out.
    """
    found: dict[Element, str] = {}
    for ordered in (each for each in root.iter() if local_name(each) == "ol" and not _hides_numbers(each)):
        items = [each for each in ordered if local_name(each) == "li"]
        step = -1 if "reversed" in ordered.attrib else 1
        number = _integer(ordered.get("start"), len(items) if step < 0 else 1) - step
        for item in items:
            number = _integer(item.get("value"), number + step)
            if not _hides_numbers(item):
                found[item] = f"{_in_figures(number, item.get('type') or ordered.get('type') or '1')}."
    return found


def _in_figures(number: int, form: str) -> str:
    if number < 1 or form not in ("a", "A", "i", "I"):
        return str(number)
    figures = letters(number) if form in ("a", "A") else roman(number)
    return figures.upper() if form.isupper() else figures


def _hides_numbers(element: Element) -> bool:
    style = "".join((element.get("style") or "").lower().split())
    return "list-style:none" in style or "list-style-type:none" in style


def _integer(value: str | None, default: int) -> int:
    try:
        return int(value) if value and len(value) < 10 else default
    except ValueError:
        return default
