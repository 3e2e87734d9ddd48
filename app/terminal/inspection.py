"""What the command line shows of a version's members: nearest words, norms, how alike they are."""

from collections.abc import Sequence

from rich.color import Color
from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from app.schemas import Inspection, MemberLook, Word
from app.terminal.theme import ACCENT, LABEL, plain, ruled_table

# The heatmap's colours of a cosine of 0 and of 1.
_COLD, _HOT = (38, 44, 52), (95, 190, 170)
# With up to so many members the heatmap shows numbers: 12 are a line of 78 characters.
_MOST_NUMBERED = 12


def inspection_report(found: Inspection) -> RenderableType:
    """Show a row for each member, and beneath them a heatmap of how alike each two are."""
    size = f"{len(found.members)} members"
    if found.virtual_tokens:
        size += f" of {found.virtual_tokens} virtual tokens"
    if found.method != "prompt":
        size += f", method {found.method}"
    return Group(
        Text.assemble(plain(found.book_title, "bold " + ACCENT), f" · version {found.number} · {size}"),
        _members(found),
        Text("cosine of each two members, mean over their positions", LABEL),
        _heatmap([look.member for look in found.members], found.similarity),
    )


def _members(found: Inspection) -> Table:
    rows = ruled_table()
    rows.add_column("member", justify="right")
    # Only soft prompts are vectors of the kind that words have.
    has_words = found.method == "prompt"
    if has_words:
        rows.add_column("nearest words: its first virtual tokens; most often", ratio=1)
    rows.add_column("norm", justify="right", no_wrap=True)
    rows.add_column("least to most", justify="right", no_wrap=True)
    rows.add_column("moved", justify="right", no_wrap=True)
    for look in found.members:
        norms = look.norms
        rows.add_row(
            _number(look.member),
            *([Text("\n").join([_first_words(look), _frequent_words(look)])] if has_words else []),
            f"{norms.mean:.2f}",
            f"{norms.least:.2f} to {norms.most:.2f}",
            "" if look.moved is None else f"{look.moved:.2f}",
        )
    if has_words:
        rows.add_row("LLM", Text("its own embeddings", LABEL), f"{found.vocabulary_norm:.2f}", "", "")
    return rows


def _first_words(look: MemberLook) -> Text:
    return Text(" ").join([_word(word).append(f" {word.cosine:.2f}", LABEL) for word in look.first])


def _frequent_words(look: MemberLook) -> Text:
    return Text(" ", LABEL).join(
        [_word(word, LABEL).append(f" x{word.count}", LABEL) for word in look.frequent]
    )


def _word(word: Word, style: str = "") -> Text:
    """A token with its blanks made visible, since it may begin with a space, or be one."""
    shown = word.text.replace("\n", "⏎").replace("\t", "⇥").replace(" ", "·")
    return plain(shown or "∅", style)


def _heatmap(numbers: Sequence[int], similarity: Sequence[Sequence[float]]) -> Text:
    """A shade for each two members, with its number where there is room for all."""
    numbered = len(numbers) <= _MOST_NUMBERED
    head = Text("member" + "".join(f"{_number(number):>5} " for number in numbers), LABEL)
    lines = [head] if numbered else []
    for number, cosines in zip(numbers, similarity, strict=True):
        cells = [Text(f"{cosine:5.2f} " if numbered else "  ", _shade(cosine)) for cosine in cosines]
        lines.append(Text.assemble((f"{_number(number):>5} ", LABEL), *cells))
    return Text("\n", no_wrap=True, overflow="crop").join(lines)


def _shade(cosine: float) -> Style:
    share = min(max(cosine, 0.0), 1.0)
    shade = [round(cold + share * (hot - cold)) for cold, hot in zip(_COLD, _HOT, strict=True)]
    ink = Color.from_rgb(0, 0, 0) if share > 0.5 else Color.from_rgb(200, 205, 210)
    return Style(color=ink, bgcolor=Color.from_rgb(*shade))


def _number(member: int) -> str:
    """A member's number as people count: from 1, where the API counts from 0."""
    return str(member + 1)
