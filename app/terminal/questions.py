"""What the command line shows of the questions about a book."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from app.schemas import Question
from app.terminal.theme import ACCENT, LABEL, plain, ruled_table, titled


def questions_table(questions: Sequence[Question]) -> RenderableType:
    """Show the questions with their answers and passages, or how to add one."""
    if not questions:
        return Text.assemble("No such questions. Add one with: ", ("bookchorus question add", "bold"))
    table = ruled_table()
    table.add_column("passage", justify="right")
    # At least as wide as an id, so that it can be copied from one line.
    table.add_column("question", ratio=1, width=25, overflow="fold")
    table.add_column("answer", ratio=1, overflow="fold")
    table.add_column("kind", no_wrap=True)
    table.add_column("by", no_wrap=True)
    for question in questions:
        table.add_row(
            Text(f"{question.passage}"),
            titled(question.text, _place(question), question.id),
            plain(question.answer),
            plain(question.kind or "", LABEL),
            Text(question.source, ACCENT if question.source == "person" else ""),
        )
    return table


def _place(question: Question) -> str:
    """Chapter and pages of the passage, as far as they are known."""
    return ", ".join(part for part in (question.chapter, question.on_pages()) if part)
