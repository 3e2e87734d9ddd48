import io
import re

from rich.console import Console

from app.schemas import Inspection, MemberLook, Norms, Word
from app.terminal.inspection import inspection_report


def look(member: int, moved: float | None = 1.25) -> MemberLook:
    return MemberLook(
        member=member,
        first=[
            Word(id=7, text=" lamp", position=0, cosine=0.91),
            Word(id=8, text="[red]\n", position=1, cosine=0.5),
            Word(id=9, text="", position=2, cosine=0.25),
        ],
        frequent=[Word(id=7, text=" lamp", count=31)],
        norms=Norms(mean=2.5, least=2.0, most=3.5),
        moved=moved,
    )


def shown(found: Inspection, width: int = 100, *, colour: bool = False) -> str:
    sink = io.StringIO()
    kind = "truecolor" if colour else None
    Console(file=sink, width=width, force_terminal=colour, color_system=kind).print(inspection_report(found))  # type: ignore[arg-type]
    return sink.getvalue()


FOUND = Inspection(
    book="book_1",
    book_title="The [b]Lamp[/b]",
    number=3,
    method="prompt",
    virtual_tokens=100,
    vocabulary_norm=1.4,
    members=[look(0), look(2, moved=None)],
    similarity=[[1.0, -0.25], [-0.25, 1.0]],
)


def test_words_norms_and_moves_are_shown_as_they_are() -> None:
    text = shown(FOUND)
    assert "The [b]Lamp[/b] · version 3 · 2 members of 100 virtual tokens" in text
    for words in ("·lamp 0.91", "[red]⏎ 0.50", "∅ 0.25", "·lamp x31", "2.50", "2.00 to 3.50", "1.25", "1.40"):
        assert words in text


def test_members_are_counted_from_one_also_where_one_is_left_out() -> None:
    text = shown(FOUND)
    assert re.search(r"^member +1 +3 *$", text, re.MULTILINE)
    assert re.search(r"^ +1 +1.00 +-0.25 *$", text, re.MULTILINE)
    assert re.search(r"^ +3 +-0.25 +1.00 *$", text, re.MULTILINE)


def test_the_more_alike_the_lighter() -> None:
    shades = re.findall(r"48;2;(\d+);", shown(FOUND, colour=True))
    one, other = int(shades[0]), int(shades[1])
    assert one > other
    assert [int(shade) for shade in shades] == [one, other, other, one]


def test_members_without_words_have_numbers_alone() -> None:
    numbers = {"method": "lora", "virtual_tokens": 0, "members": [look(0), look(1)]}
    text = shown(FOUND.model_copy(update=numbers))
    assert "version 3 · 2 members, method lora" in text
    assert "nearest words" not in text
    assert "embeddings" not in text
    assert "2.50" in text
