"""What the members of a version add to answers, as the command line shows it."""

from collections.abc import Mapping

from rich.text import Text

from app.terminal.theme import BAD, GAIN, LABEL


def contribution_text(adds: object, between: str = " ") -> Text:
    """A difference with its interval, as `+.012 [-.004, .028]`: green above zero, red below, else neither.

    `between` is what parts the two, such as the end of a line.
    """
    found = adds if isinstance(adds, Mapping) else {}
    values = [found.get(name) for name in ("difference", "low", "high")]
    difference, low, high = (value if isinstance(value, int | float) else None for value in values)
    if difference is None:
        return Text("not measured", LABEL)
    mean = _short(difference, "+")
    if low is None or high is None:
        return Text.assemble(mean, (f"{between}few questions", LABEL))
    style = GAIN if low > 0 else BAD if high < 0 else ""
    return Text.assemble((mean, style), (f"{between}[{_short(low)}, {_short(high)}]", LABEL))


def _short(value: float, sign: str = "-") -> str:
    """Three decimals without the zero before the point."""
    return f"{value:{sign}.3f}".replace("0.", ".", 1)
