"""What the command line shows of an answer: how sure it is, who said what, and where it was read."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from app.schemas import Answer, Candidate, Citation, Heard, Vote
from app.terminal.theme import (
    ACCENT,
    BAD,
    GAIN,
    LABEL,
    REST,
    WARN,
    duration,
    labelled_rows,
    meter,
    panel,
    plain,
    shortened,
)

# Passages that are shown where not all are.
_BEST = 2


def answer_panel(
    answer: Answer, *, expected: str | None = None, votes: bool = True, passages: bool = True
) -> Panel:
    """Show an answer, how sure it is, where it was read, and the answer that was expected.

    With `votes` also who said what; without `passages` only the best two, those that say the answer first.
    """
    rows = labelled_rows(10)
    if answer.abstained is None:
        rows.add_row("answer", plain(answer.answer or "", "bold"))
    else:
        rows.add_row("no answer", plain(answer.abstained.detail, WARN))
    if expected is not None:
        rows.add_row("expected", plain(expected, GAIN))
    rows.add_row("confidence" if answer.calibrated else "agreement", _confidence(answer.confidence))
    if answer.degraded is not None:
        rows.add_row("note", _degraded(answer.degraded))
    for silent in answer.left_out:
        rows.add_row("note", plain(f"The members of v{silent.version} do not answer: {silent.detail}.", WARN))
    if answer.votes and votes:
        rows.add_row("", "")
        rows.add_row("votes", _votes(answer))
    if answer.citations:
        rows.add_row("", "")
        rows.add_row(
            "read in" if answer.abstained is None else "closest",
            _citations(answer.citations, None if passages else _BEST),
        )
    return panel(rows, plain(answer.question), _made_by(answer))


def vote_so_far(heard: Heard) -> Text:
    """Say in a line how the vote stands while members answer."""
    leading = plain(shortened(heard.answer, 60), "bold")
    return Text.assemble(f"{heard.candidates} heard, so far: ", leading, f" ({heard.confidence:.0%})")


def _confidence(confidence: float) -> RenderableType:
    style = GAIN if confidence >= 0.7 else WARN if confidence >= 0.4 else BAD
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_row(meter(confidence, style, width=32), Text(f"{confidence:.0%}", f"bold {style}"))
    return row


def _degraded(reason: str) -> Text:
    if reason == "untrained":
        return Text("nothing was learned of this book yet: the bare LLM answered from its passages", WARN)
    return plain(reason, WARN)


def _votes(answer: Answer) -> RenderableType:
    rows = Table.grid(padding=(0, 2, 0, 0), expand=True)
    rows.add_column(justify="right", no_wrap=True)
    rows.add_column(no_wrap=True, width=12)
    rows.add_column(ratio=1)
    rows.add_column(style=LABEL, max_width=28)
    titles = {citation.book: citation.title for citation in answer.citations}
    several = len({(c.book, c.version) for vote in answer.votes for c in vote.candidates}) > 1
    for place, vote in enumerate(answer.votes):
        rows.add_row(
            Text(f"{vote.share:.0%}", "" if place == 0 else LABEL),
            meter(vote.share, ACCENT if place == 0 else REST, width=12),
            plain(vote.answer, "" if place == 0 else LABEL),
            _members(vote, titles, several=several),
        )
    return rows


def _members(vote: Vote, titles: dict[str, str], *, several: bool) -> Text:
    """Name the members behind a vote, per book and version where more than one has a say."""
    by_version: dict[tuple[str, int | None], list[Candidate]] = {}
    for candidate in vote.candidates:
        by_version.setdefault((candidate.book, candidate.version), []).append(candidate)
    lines = []
    for (book, version), candidates in by_version.items():
        # The API counts members from 0, people count from 1.
        members = [candidate.member + 1 for candidate in candidates if candidate.member is not None]
        who = Text()
        if several and version is not None:
            who.append_text(plain(f"{titles.get(book, book)} v{version}")).append(": ")
        if members:
            who.append("member " if len(set(members)) == 1 else "members ")
            who.append(", ".join(_times(member, members.count(member)) for member in sorted(set(members))))
        else:
            who.append("bare LLM")
        lines.append(who)
    return Text("\n").join(lines)


def _times(member: int, count: int) -> str:
    return str(member) if count == 1 else f"{member} (x{count})"


def _citations(citations: Sequence[Citation], most: int | None) -> RenderableType:
    rows = Table.grid(padding=(0, 2, 0, 0), expand=True)
    rows.add_column(style=LABEL, justify="right")
    rows.add_column(ratio=1)
    best_first = sorted(citations, key=lambda citation: citation.support is None)
    for number, citation in enumerate(best_first[:most], start=1):
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
        rows.add_row(str(number), Group(place, quote))
    if most is not None and len(citations) > most:
        rows.add_row("", Text(f"{len(citations) - most} more were read: --passages", LABEL))
    return rows


def _made_by(answer: Answer) -> Text:
    parts = []
    if answer.versions:
        numbers = ", ".join(f"v{used.version}" for used in answer.versions)
        members = {(c.book, c.version, c.member) for vote in answer.votes for c in vote.candidates}
        parts.append(f"{len(members)} {'member' if len(members) == 1 else 'members'} of {numbers}")
    parts.append(duration(answer.timings.total))
    return Text(" · ".join(parts), LABEL)
