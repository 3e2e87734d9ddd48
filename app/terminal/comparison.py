"""What the command line shows of two versions side by side."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from app.schemas import Answer, Comparison, PromptVersion
from app.terminal.contribution import contribution_text, harm_text
from app.terminal.theme import ACCENT, GAIN, LABEL, WARN, mean, plain, ruled_table, shortened
from app.terminal.values import loss_words, value_text

# Characters of a question that is being asked; more are cut.
_QUESTION = 60


def comparison_report(comparison: Comparison) -> RenderableType:
    """Show two versions side by side: what differs, each member's loss, and what they answer."""
    one, other = comparison.versions
    table = ruled_table()
    table.add_column("", style=LABEL, no_wrap=True)
    for version in (one, other):
        names = f" ({', '.join(version.aliases)})" if version.aliases else ""
        table.add_column(plain(f"version {version.number}{names}"), ratio=1)
    table.add_row("held-out loss", *_losses(_mean_loss(one), _mean_loss(other)))
    table.add_row("adds", *(contribution_text(version.metrics.get("adds")) for version in (one, other)))
    members = [{each.member: each.loss_after for each in version.members} for version in (one, other)]
    for number in sorted({*members[0], *members[1]}):
        losses = _losses(*(each.get(number) for each in members))
        # A version may have fewer members than the other.
        cells = [
            loss if number in each else Text("\N{EN DASH}", LABEL)
            for loss, each in zip(losses, members, strict=True)
        ]
        table.add_row(f"member {number + 1}", *cells)
    for kind, differences in (("recipe", comparison.recipe), ("metric", comparison.metrics)):
        for difference in differences:
            if (kind, difference.name) != ("metric", "adds"):
                table.add_row(plain(f"{kind} {difference.name}"), *map(value_text, difference.values))
    parts: list[RenderableType] = [plain(one.book_title, f"bold {ACCENT}"), table]
    if comparison.questions:
        parts.append(_answers(comparison, one.number, other.number))
    for number, version in {one.number: one, other.number: other}.items():
        if (harm := harm_text(version, f"the members of version {number}")) is not None:
            parts.append(harm.append(" Here they answered all the same." if comparison.questions else ""))
    return Group(*parts)


def question_line(number: int, total: int, question: str) -> Text:
    """Say in a line which question is being asked, so that it is seen how far a comparison is."""
    return Text(f"question {number} of {total}: ").append_text(plain(shortened(question, _QUESTION)))


def _answers(comparison: Comparison, one: int, other: int) -> Table:
    table = ruled_table()
    table.add_column("question", ratio=3)
    table.add_column(f"version {one}", ratio=2)
    table.add_column(f"version {other}", ratio=2)
    for asked in comparison.questions:
        question = plain(asked.question)
        if asked.expected is not None:
            question.append("\n").append_text(plain(f"written: {asked.expected}", LABEL))
        table.add_row(question, *map(_answer, asked.answers))
    return table


def _answer(answer: Answer) -> Text:
    shown = plain(shortened(answer.answer, 120)) if answer.answer is not None else Text("no answer", WARN)
    shown.append(f"  {answer.confidence:.0%}", LABEL)
    if answer.degraded is not None:
        shown.append("\n").append_text(plain(answer.degraded, WARN))
    return shown


def _losses(first: float | None, second: float | None) -> tuple[Text, Text]:
    """Two losses, the smaller one in green."""
    cells = Text(loss_words(first)), Text(loss_words(second))
    if first is not None and second is not None and first != second:
        cells[0 if first < second else 1].stylize(GAIN)
    return cells


def _mean_loss(version: PromptVersion) -> float | None:
    losses = [member.loss_after for member in version.members if member.loss_after is not None]
    return mean(losses) if losses else None
