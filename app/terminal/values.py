"""The losses, metrics and fields of recipes of a version, as the command line shows each."""

import json

from rich.text import Text

from app.terminal.theme import LABEL, plain, shortened

# Characters of a recipe's field or a metric; more are cut.
_LONGEST = 60


def loss_words(value: object) -> str:
    """A loss with two decimals, or that it was not measured."""
    return f"{value:.2f}" if isinstance(value, int | float) else "not measured"


def value_text(value: object) -> Text:
    """A value in one line, a long one cut."""
    if value is None:
        return Text("none", LABEL)
    if isinstance(value, float):
        return Text(f"{value:.4g}")
    return plain(shortened(value if isinstance(value, str) else json.dumps(value), _LONGEST))
