"""Drop caps, the large first letters of chapters, are letters of their words."""

import pytest

from app.parsing.pdf.reader import parse
from tests import files
from tests.app.parsing.pdf.test_page_geometry import WORDS, prose
from tests.files import lines


@pytest.mark.parametrize(
    ("cap", "rest", "lines_high", "wanted"),
    [
        ("T", "he lamp", 3, "The lamp"),
        ("E", "s war ein Licht", 2, "Es war ein Licht"),
        ("A", "lamp burned", 2, "A lamp burned"),
        ("“W", "here is the lamp", 4, "“Where is the lamp"),
    ],
)
def test_a_drop_cap_is_the_first_letter_of_its_word(
    cap: str, rest: str, lines_high: int, wanted: str
) -> None:
    body = prose(["lamp", "a", "keeper", "night", "burned", "stair"], 8, 62, 1)
    size = 11.0
    cap_size = 14.0 * (lines_high - 1) / 0.72 + size
    base = 650 - 14.0 * (lines_high - 1)
    beside = 64 + 0.66 * cap_size * len(cap)
    page = [
        (60.0, 760.0, 20.0, "Chapter One"),
        (60.0, base, cap_size, cap),
        *[
            (beside if n < lines_high else 60.0, 650 - 14.0 * n, size, (f"{rest} {text}" if n == 0 else text))
            for n, text in enumerate(body)
        ],
    ]
    for drawn in (page, page[::-1]):
        book = parse(files.pdf([drawn]))
        assert [chapter.title for chapter in book.chapters] == ["Chapter One"]
        assert book.text.split("\n\n")[1].startswith(f"{wanted} {body[0]} {body[1]}"[:60])


def test_a_drop_cap_that_is_lower_than_its_lines_is_the_first_letter_of_its_word() -> None:
    body = prose(WORDS, 11, 60, 3)
    above, beside, below = body[:4], body[4:8], body[8:]
    page = [
        *lines(*above, top=720, size=11),
        (60.0, 608.0, 48.0, "W"),
        *[(109.0, 647 - 13.0 * n, 11.0, ("h" if n == 0 else "") + text) for n, text in enumerate(beside)],
        *lines(*below, top=595, size=11),
    ]
    assert (
        parse(files.pdf([page])).text.split()
        == " ".join([*above, "Wh" + beside[0], *beside[1:], *below]).split()
    )


def test_a_letter_that_is_a_word_stays_one_though_it_stands_nowhere_else() -> None:
    body = prose(["lamp", "keeper", "night", "burned", "stair"], 6, 62, 1)
    page = [
        (60.0, 622.0, 46.0, "I"),
        *[
            (76.0, 650 - 14.0 * n, 11.0, ("burned " if n == 0 else "") + text)
            for n, text in enumerate(body[:3])
        ],
        *lines(*body[3:], top=608, size=11),
    ]
    assert parse(files.pdf([page])).text.startswith(f"I burned {body[0]}")
