# ruff: noqa: RUF001 - dashes about numbers
"""What only the page has is left out: headers, footers, the numbers of pages and of lines."""

import pytest

from app.parsing.pdf.reader import parse
from tests import files
from tests.app.parsing.pdf.test_page_geometry import GERMAN, WORDS, prose
from tests.files import lines


@pytest.mark.parametrize(
    ("number", "height", "pages"),
    [("{}", 150.0, 4), ("– {} –", 170.0, 7), ("{} / 3", 30.0, 3), ("Seite {}", 140.0, 5)],
    ids=["high", "dashes", "of three", "German"],
)
def test_page_numbers_are_left_out_wherever_they_stand(number: str, height: float, pages: int) -> None:
    texts = [prose(WORDS if page % 2 else GERMAN, 30, 70, page) for page in range(pages)]
    made = [
        [*lines(*text, top=740, size=11), (290.0, height, 11.0, number.format(page + 1))]
        for page, text in enumerate(texts)
    ]
    assert " ".join(parse(files.pdf(made)).text.split()) == " ".join(" ".join(text) for text in texts)


def test_roman_page_numbers_and_headers_below_a_wide_margin_are_left_out() -> None:
    texts = [prose(WORDS, 20, 60, page) for page in range(6)]
    made = [
        [(200.0, 660.0, 9.0, "The Lamp of Ost"), *lines(*text, top=630, size=11), (290.0, 250.0, 9.0, roman)]
        for text, roman in zip(texts, ["iii", "iv", "v", "vi", "vii", "viii"], strict=True)
    ]
    assert " ".join(parse(files.pdf(made)).text.split()) == " ".join(" ".join(text) for text in texts)


def test_the_number_of_a_page_on_which_a_chapter_begins_may_stand_at_its_foot() -> None:
    texts = [prose(WORDS, 30, 70, page) for page in range(8)]
    made: list[files.Page] = []
    for page, text in enumerate(texts):
        if page in (0, 4):
            chapter = (60.0, 720.0, 18.0, f"Chapter {page // 4 + 1}")
            made.append([chapter, *lines(*text, top=690, size=11), (290.0, 60.0, 11.0, str(page + 1))])
        else:
            head = (60.0, 770.0, 9.0, f"{page + 1}  The Lamp of Ost")
            made.append([head, *lines(*text, top=740, size=11)])
    texts[0].insert(0, "Chapter 1")
    texts[4].insert(0, "Chapter 2")
    assert " ".join(parse(files.pdf(made)).text.split()) == " ".join(" ".join(text) for text in texts)


def test_the_number_of_a_chapter_is_no_page_number_where_the_page_has_one() -> None:
    texts = [prose(WORDS, 30, 70, page) for page in range(8)]
    made = [
        [*lines(*text, top=690, size=11), (290.0, 60.0, 11.0, str(page + 1))]
        for page, text in enumerate(texts)
    ]
    made[0].append((290.0, 740.0, 18.0, "1"))
    assert parse(files.pdf(made)).text.startswith(f"1\n\n{texts[0][0]}")


def test_the_headings_of_chapters_of_a_page_each_are_no_headers() -> None:
    made = [
        [
            (60.0, 740.0, 11.0, f"Chapter {number}"),
            *lines(*prose(WORDS, 20, 70, number), "And so it ended.", top=700, size=11),
        ]
        for number in range(1, 6)
    ]
    assert [chapter.title for chapter in parse(files.pdf(made)).chapters] == [
        f"Chapter {n}" for n in range(1, 6)
    ]


VERSES = [
    f"{first} and the {word} goes out," for first in ("The lamp", "A gull", "My keeper") for word in WORDS
]


@pytest.mark.parametrize(
    ("step", "left", "apart"),
    [(5, 500.0, 0.0), (10, 30.0, 0.0), (1, 40.0, 0.0), (5, 500.0, 14.0)],
    ids=["fives", "tens at the left", "each line", "stanzas"],
)
def test_the_numbers_of_verses_are_left_out_and_a_verse_stays_a_line(
    step: int, left: float, apart: float
) -> None:
    page = []
    height = 760.0
    for number, verse in enumerate(VERSES, 1):
        page.append((90.0, height, 10.0, verse))
        if number % step == 0:
            page.append((left, height, 10.0, str(number)))
        height -= 14 + (apart if number % 4 == 0 else 0)
    found = parse(files.pdf([page])).text.split("\n")
    assert [line for line in found if line] == VERSES


def test_a_table_s_numbers_and_a_list_s_stay() -> None:
    rows = [(60.0, 700.0 - 18 * row, 10.0, str(5 * row)) for row in range(8)]
    rows += [(160.0, 700.0 - 18 * row, 10.0, word) for row, word in enumerate(WORDS[:8])]
    found = parse(files.pdf([rows])).text.split("\n")
    assert found == [f"{5 * row} {word}" for row, word in enumerate(WORDS[:8])]


def test_the_numbers_of_a_table_s_rows_stay() -> None:
    rows = [(f"{number}", word, f"{word}s and rope") for number, word in enumerate(WORDS[:12], 1)]
    page = [
        (60.0 + 150 * place, 700.0 - 18 * row, 10.0, cell)
        for row, cells in enumerate(rows)
        for place, cell in enumerate(cells)
    ]
    assert parse(files.pdf([page])).text.split("\n") == [" ".join(row) for row in rows]


def test_numbers_beside_every_line_of_a_page_are_left_out_where_a_line_is_blank_too() -> None:
    texts = prose(WORDS, 20, 60, 1)
    said = [(90.0, 740 - 24.0 * (n + n // 5), 11.0, text) for n, text in enumerate(texts)]
    numbers = [(60.0, 740 - 24.0 * n, 11.0, str(n + 1)) for n in range(23)]
    assert " ".join(parse(files.pdf([[*said, *numbers]])).text.split()) == " ".join(texts)
