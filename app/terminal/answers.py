"""What the command line shows of an answer: how sure it is, who said what, and where it was read."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from app.schemas import Answer, Citation, Heard, Retrieved
from app.terminal.theme import (
    BAD,
    GAIN,
    LABEL,
    WARN,
    counted,
    duration,
    labelled_rows,
    meter,
    panel,
    plain,
    shortened,
)
from app.terminal.votes import votes_view

# Passages that are shown where not all are.
_BEST = 2


def answer_panel(
    answer: Answer, *, expected: str | None = None, votes: bool = True, passages: bool = True
) -> Panel:
    """Show an answer, how sure it is, where it was read, and the answer that was expected.

    With `votes` also who said what; without `passages` only the first two.
    """
    numbered = list(enumerate(answer.citations, start=1))
    rows = labelled_rows(10)
    if answer.abstained is None:
        rows.add_row("answer", plain(answer.answer or "", "bold"))
    else:
        rows.add_row("no answer", plain(answer.abstained.detail, WARN))
    if expected is not None:
        rows.add_row("expected", plain(expected, GAIN))
    rows.add_row("confidence" if answer.calibrated else "agreement", _confidence(answer))
    if answer.note is not None:
        rows.add_row("note", plain(answer.note, WARN))
    for silent in answer.left_out:
        rows.add_row("note", plain(f"The members of v{silent.version} do not answer: {silent.detail}.", WARN))
    if answer.votes and votes:
        rows.add_row("", "")
        rows.add_row("votes", votes_view(answer, {one.passage: number for number, one in numbered}))
    if numbered:
        rows.add_row("", "")
        rows.add_row(
            "read in" if answer.abstained is None else "closest",
            _citations(numbered if passages else numbered[:_BEST], len(numbered)),
        )
    return panel(rows, plain(answer.question), _made_by(answer))


def who_answers(found: Retrieved) -> Text:
    """Say in a line who is about to answer, before any is heard."""
    if found.versions:
        return Text("the members answer")
    why = "nothing was learned of this book yet" if found.unlearned else "without its members"
    return Text(f"{why}: the LLM answers from {counted(len(found.citations), 'passage')}")


def vote_so_far(heard: Heard) -> Text:
    """Say in a line how the vote stands while members answer."""
    leading = plain(shortened(heard.answer, 60), "bold")
    return Text.assemble(f"{heard.candidates} heard, so far: ", leading, f" ({heard.confidence:.0%})")


def _confidence(answer: Answer) -> RenderableType:
    confidence = answer.confidence
    style = GAIN if confidence >= 0.7 else WARN if confidence >= 0.4 else BAD
    told = Text(f"{confidence:.0%}", f"bold {style}")
    if answer.abstained is None and answer.threshold and confidence < 2 * answer.threshold:
        told.append(f" (no answer below {answer.threshold:.0%})", LABEL)
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_row(meter(confidence, style, width=32), told)
    return row


def _citations(numbered: Sequence[tuple[int, Citation]], found: int) -> RenderableType:
    rows = Table.grid(padding=(0, 2, 0, 0), expand=True)
    rows.add_column(style=LABEL, justify="right")
    rows.add_column(ratio=1)
    for number, citation in numbered:
        place = plain(citation.title, "italic")
        if citation.chapter:
            place.append(" · ", LABEL).append_text(plain(citation.chapter))
        # The sentence that says the answer tells more than where the passage begins.
        shown = citation.support or citation
        page = f"page {citation.page}" if citation.support and citation.page else citation.on_pages()
        if page:
            place.append(" · ", LABEL).append_text(plain(page))
        quote = plain(f"“{shortened(shown.text)}”", "" if citation.support else LABEL)
        quote.append(f"  characters {shown.start:,} to {shown.end:,}", LABEL)
        rows.add_row(str(number), Group(_with_id(place, citation.passage), quote))
    more = f"{found - len(numbered)} more were found: --passages. " if found > len(numbered) else ""
    rows.add_row("", Text(f"{more}One whole: bookchorus passage ID", LABEL))
    return rows


def _with_id(place: Text, passage: int) -> Table:
    """A place with the passage's id behind it, which no end of a line parts: rich breaks lines at
    no-break spaces, too.
    """
    row = Table.grid()
    row.add_column(overflow="fold")
    row.add_column(style=LABEL, no_wrap=True, vertical="bottom")
    row.add_row(place, f" · id {passage}")
    return row


def _made_by(answer: Answer) -> Text:
    parts = []
    if answer.versions:
        numbers = ", ".join(f"v{used.version}" for used in answer.versions)
        members = {(c.book, c.version, c.member) for vote in answer.votes for c in vote.candidates}
        parts.append(f"by {counted(len(members), 'member')} of {numbers}")
    parts.append(duration(answer.timings.total))
    return Text(" · ".join(parts), LABEL)
