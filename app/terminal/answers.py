"""What the command line shows of answers, books and prompt versions.

Everything here is a Rich renderable made of the API's shapes. Text that people or books wrote goes in as
`Text` through `plain`, never as markup, so that a title cannot colour or move anything on the terminal.
"""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.style import Style
from rich.table import Table
from rich.text import Text

from app.schemas import Answer, Book, BookState, Candidate, Citation, Heard, PromptVersion, Vote

ACCENT = "#5f9ea0"
GAIN = "#87a96b"
WARN = "#d7a35f"
BAD = "#c86464"
REST = "#4a4f57"
LABEL = "dim"
QUOTE = 220
STATES: dict[BookState, str] = {"ready": GAIN, "training": ACCENT, "queued": WARN, "untrained": BAD}


def plain(text: str, style: str | Style = "") -> Text:
    """Turn foreign text into one line of characters that only show: no markup, controls or line ends."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return Text(" ".join(shown.split()), style=style)


def shortened(text: str, length: int = QUOTE) -> str:
    """Cut `text` at a word to at most `length` characters, with an ellipsis where something is left out."""
    flat = " ".join(text.split())
    if len(flat) <= length:
        return flat
    head = flat[:length]
    # Text without spaces, or with a word of half the length, is cut where it is.
    head = head[: head.rfind(" ")] if " " in head[length // 2 :] else head[:-1]
    return head.rstrip(" ,;:.") + "…"


def size(count: int) -> str:
    """Say a number of bytes as people do: 3.7 MB."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def duration(seconds: float) -> str:
    """Say a time as people do: 0.42 s, 12.3 s, 4:05, 1:04:05."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def answer_panel(answer: Answer, *, expected: str | None = None) -> Panel:
    """Show an answer, how sure it is, who said what, and where it was read; beside it what was expected."""
    rows = Table.grid(padding=(0, 2, 0, 0), expand=True)
    rows.add_column(style=LABEL, justify="right", no_wrap=True, min_width=10)
    rows.add_column(ratio=1)
    if answer.abstained is None:
        rows.add_row("answer", plain(answer.answer or "", "bold"))
    else:
        rows.add_row("no answer", plain(answer.abstained.detail, WARN))
    if expected is not None:
        rows.add_row("expected", plain(expected, GAIN))
    rows.add_row("confidence" if answer.calibrated else "agreement", _confidence(answer.confidence))
    if answer.degraded is not None:
        rows.add_row("note", _degraded(answer.degraded))
    if answer.votes:
        rows.add_row("", "")
        rows.add_row("votes", _votes(answer))
    if answer.citations:
        rows.add_row("", "")
        rows.add_row("read in", _citations(answer.citations))
    return Panel(
        rows,
        title=plain(answer.question, "bold " + ACCENT),
        title_align="left",
        subtitle=_made_by(answer),
        subtitle_align="right",
        border_style=REST,
        box=box.ROUNDED,
        padding=(1, 1),
    )


def so_far(heard: Heard) -> Text:
    """Say in a line how the vote stands while members answer."""
    leading = plain(shortened(heard.answer, 60), "bold")
    return Text.assemble(f"{heard.candidates} heard, so far: ", leading, f" ({heard.confidence:.0%})")


def books_table(books: Sequence[Book]) -> RenderableType:
    """Show the books, or how to add the first one."""
    if not books:
        return Text.assemble("No books yet. Add one with: ", ("bookchorus add FILE", "bold"))
    table = ruled()
    # Wide enough that an id can be copied from one line.
    table.add_column("book", ratio=1, min_width=21)
    table.add_column("state", no_wrap=True)
    table.add_column("aliases", no_wrap=True)
    table.add_column("chapters", justify="right")
    table.add_column("characters", justify="right")
    for book in books:
        table.add_row(
            _lines(book.title, book.author, _tagged(book), book.id),
            Text(f"● {book.state}", STATES[book.state]),
            _aliases(f"{name} → {number}" for name, number in sorted(book.aliases.items())),
            f"{len(book.chapters):,}",
            f"{book.characters:,}",
        )
    return table


def prompts_table(prompts: Sequence[PromptVersion]) -> RenderableType:
    """Show the prompt versions: of which book and LLM, what they gained, and which names point to them."""
    if not prompts:
        return Text.assemble("No prompt versions yet. Learn a book with: ", ("bookchorus add FILE", "bold"))
    table = ruled()
    table.add_column("book and LLM", ratio=1)
    table.add_column("version", justify="right", no_wrap=True)
    table.add_column("members", justify="right")
    table.add_column("held-out loss", no_wrap=True)
    table.add_column("aliases", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    for prompt in prompts:
        model = prompt.base_model
        weights = model.dtype if model.quantization == "none" else model.quantization
        table.add_row(
            _lines(prompt.book_title, f"{model.id} · {weights} weights", prompt.refused),
            str(prompt.number) if prompt.parent is None else f"{prompt.parent} → {prompt.number}",
            Text("\n").join([plain(_whole(prompt)), *_method(prompt)]),
            _change(
                [member.loss_before for member in prompt.members],
                [member.loss_after for member in prompt.members],
            ),
            _aliases(sorted(prompt.aliases)),
            Text("pruned", LABEL) if prompt.pruned else Text(size(prompt.bytes)),
        )
    return table


def meter(share: float, style: str, *, width: int | None = None) -> ProgressBar:
    """Draw a line that is full at a share of 1."""
    share = min(max(share, 0.0), 1.0)
    return ProgressBar(1.0, share, width=width, style=REST, complete_style=style, finished_style=style)


def mean(values: Sequence[float]) -> float:
    """Average `values`, which are not empty."""
    return sum(values) / len(values)


def ruled() -> Table:
    """An empty table, with a line under its head."""
    return Table(box=box.SIMPLE_HEAD, header_style=LABEL, border_style=REST, expand=True, pad_edge=False)


def _lines(title: str, *more: str | None) -> Text:
    return Text("\n").join([plain(title, "bold"), *(plain(line, LABEL) for line in more if line)])


def _tagged(book: Book) -> str | None:
    return f"tagged {', '.join(book.tags)}" if book.tags else None


def _aliases(names: Iterable[str]) -> Text:
    return Text("\n").join([plain(name, ACCENT) for name in names])


def _confidence(confidence: float) -> RenderableType:
    style = GAIN if confidence >= 0.7 else WARN if confidence >= 0.4 else BAD
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_row(meter(confidence, style, width=32), Text(f"{confidence:.0%}", f"bold {style}"))
    return row


def _whole(prompt: PromptVersion) -> str:
    """How many members there are, and how many of them still answer."""
    damaged = sum(member.damaged for member in prompt.members)
    count = len(prompt.members)
    return f"{count - damaged} of {count}, {damaged} damaged" if damaged else str(count)


def _method(prompt: PromptVersion) -> list[Text]:
    """What the members are, where they are no soft prompts."""
    method = str(prompt.recipe.get("method", "prompt"))
    return [] if method == "prompt" else [plain(method, LABEL)]


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
            _voices(vote, titles, several=several),
        )
    return rows


def _voices(vote: Vote, titles: dict[str, str], *, several: bool) -> Text:
    """Name the members behind a vote, per book and version where more than one has a say."""
    choirs: dict[tuple[str, int | None], list[Candidate]] = {}
    for candidate in vote.candidates:
        choirs.setdefault((candidate.book, candidate.version), []).append(candidate)
    said = []
    for (book, version), candidates in choirs.items():
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
        said.append(who)
    return Text("\n").join(said)


def _times(member: int, count: int) -> str:
    return str(member) if count == 1 else f"{member} (x{count})"


def _citations(citations: Sequence[Citation]) -> RenderableType:
    rows = Table.grid(padding=(0, 2, 0, 0), expand=True)
    rows.add_column(style=LABEL, justify="right")
    rows.add_column(ratio=1)
    for number, citation in enumerate(citations, start=1):
        place = plain(citation.title, "italic")
        if citation.chapter:
            place.append(" · ", LABEL).append_text(plain(citation.chapter))
        # The sentence that says the answer tells more than where the passage begins.
        shown = citation.support or citation
        quote = plain(f"“{shortened(shown.text)}”", "" if citation.support else LABEL)
        quote.append(f"  characters {shown.start:,} to {shown.end:,}", LABEL)
        rows.add_row(str(number), Group(place, quote))
    return rows


def _made_by(answer: Answer) -> Text:
    parts = []
    if answer.versions:
        numbers = ", ".join(f"v{used.version}" for used in answer.versions)
        voices = {(c.book, c.version, c.member) for vote in answer.votes for c in vote.candidates}
        parts.append(f"{len(voices)} {'member' if len(voices) == 1 else 'members'} of {numbers}")
    parts.append(duration(answer.timings.total))
    return Text(" · ".join(parts), LABEL)


def _change(before: Sequence[float | None], after: Sequence[float | None]) -> Text:
    first = [loss for loss in before if loss is not None]
    last = [loss for loss in after if loss is not None]
    if not last:
        return Text("not measured", LABEL)
    if not first:
        return Text(f"{mean(last):.2f}")
    return Text.assemble((f"{mean(first):.2f} → ", LABEL), (f"{mean(last):.2f}", _verdict(first, last)))


def _verdict(first: Sequence[float], last: Sequence[float]) -> str:
    return GAIN if mean(last) < mean(first) else BAD
