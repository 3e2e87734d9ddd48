# ruff: noqa: RUF001 - dates in many languages
import pytest

from app.parsing.pdf.reader import parse
from tests import files
from tests.app.parsing.pdf.test_page_geometry import WORDS, prose
from tests.files import lines


def titles(headings: list[tuple[float, str]]) -> list[str]:
    """The chapters of a book of pages with these headings, with their type sizes."""
    pages = [
        [(60.0, 740.0, size, text), *lines(*prose(WORDS, 25, 70, seed), top=690, size=11)]
        for seed, (size, text) in enumerate(headings)
    ]
    return [chapter.title for chapter in parse(files.pdf(pages, letters="14мая89")).chapters if chapter.title]


def test_headings_that_look_alike_are_chapters_and_a_line_that_looks_otherwise_is_none() -> None:
    assert titles(
        [(18.0, "The Lamp"), (18.0, "The Night"), (30.0, "Be quiet now"), (18.0, "Der Morgen")]
    ) == [
        "The Lamp",
        "The Night",
        "Der Morgen",
    ]


@pytest.mark.parametrize(
    "no_title",
    [
        *("T", "1 May 1851", "12. Mai 1903", "le 3 juillet", "14 мая 1889", "1851", "A.", "Monday, 4th June"),
        *("On the 12th of March, 1843", "The third of May 1843", "Am 1. Juli 1844", "El 3 de mayo de 1843"),
        *(
            "Tuesday, the 9th of April, in the year 1844",
            "Maandag 3 mei 1843",
            "1 lipca 1844",
            "1º luglio 1844",
        ),
    ],
)
def test_a_letter_or_a_date_is_no_chapter(no_title: str) -> None:
    assert titles([(18.0, "The Lamp"), (18.0, no_title), (18.0, "Marble")]) == ["The Lamp", "Marble"]


def test_roman_numbers_that_count_are_chapters() -> None:
    assert titles([(18.0, "I"), (18.0, "II"), (18.0, "III"), (18.0, "IV"), (18.0, "V")]) == [
        "I",
        "II",
        "III",
        "IV",
        "V",
    ]
