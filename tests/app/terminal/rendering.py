"""Renderables as the text that a terminal shows."""

import io

from rich.console import Console, RenderableType


def shown(renderable: RenderableType, width: int = 100) -> str:
    """The text on a terminal of so many columns, of which no line is wider."""
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(renderable)
    text = console.export_text()
    assert all(len(line) <= width for line in text.splitlines())
    return text


def line_with(text: str, words: str) -> str:
    """The first line that holds the words."""
    return next(line for line in text.splitlines() if words in line)
