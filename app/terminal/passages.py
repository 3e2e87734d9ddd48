"""What the command line shows of a passage that is read whole."""

from rich.console import Group, RenderableType
from rich.text import Text

from app.schemas import Passage
from app.terminal.theme import plain, titled


def passage_view(passage: Passage) -> RenderableType:
    """Show where a passage stands, and its text with the line ends that it has in the book."""
    place = [
        passage.chapter,
        passage.on_pages(),
        f"characters {passage.start:,} to {passage.end:,}",
        f"id {passage.id}",
    ]
    return Group(
        titled(passage.title, passage.author, " · ".join(filter(None, place))),
        Text(),
        Text("\n").join(map(plain, passage.text.splitlines())),
    )
