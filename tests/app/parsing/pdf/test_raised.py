"""Raised and lowered figures and letters: powers, formulas, ordinals and the numbers of notes."""

import pytest

from app.parsing.pdf.reader import parse
from tests import files
from tests.app.parsing.pdf.test_page_geometry import WORDS, prose
from tests.files import lines


@pytest.mark.parametrize(
    ("before", "raised", "after", "up", "wanted"),
    [
        ("The tank holds 10", "6", "litres of oil", 4.0, "The tank holds 10⁶ litres of oil"),
        ("Der Hof hat 40 m", "2", "und eine Linde", 4.0, "Der Hof hat 40 m² und eine Linde"),
        ("The share explained is R", "2", "in each year", 5.0, "The share explained is R² in each year"),
        ("He drinks CO", "2", "in water", -2.0, "He drinks CO₂ in water"),
        ("Light takes 10", "-9", "seconds", 4.0, "Light takes 10⁻⁹ seconds"),
        ("They built the bridge", "12", "in one winter", 4.0, "They built the bridge [12] in one winter"),
        ("She came on the 1", "st", "of May", 4.0, "She came on the 1st of May"),
        ("Salt gives off Na", "+", "in water", 4.0, "Salt gives off Na⁺ in water"),
        ("The rust has Fe", "2+", "in it", 4.0, "The rust has Fe²⁺ in it"),
        ("The tap gives 2 L min", "-1", "of water", 4.0, "The tap gives 2 L min⁻¹ of water"),
        ("They are as many as 2", "k", "or more", 4.0, "They are as many as 2^k or more"),
        ("They built the bridge", "b", "in one winter", 4.0, "They built the bridge [b] in one winter"),
        ("Elle naquit au XIX", "e", "siècle", 4.0, "Elle naquit au XIXe siècle"),
    ],
)
def test_what_is_raised_or_lowered_stays_on_its_line(
    before: str, raised: str, after: str, up: float, wanted: str
) -> None:
    letters = "".join(sorted(set(before + raised + after) - {" "}))
    end = 60 + 6.0 * len(before)
    pieces = [
        (60.0, 600.0, 12.0, before),
        (end, 600.0 + up, 7.0, raised),
        (end + 3.5 * len(raised) + 6, 600.0, 12.0, after),
    ]
    page = [*lines(*prose(WORDS, 4, 60, 1), top=700), *pieces, *lines(*prose(WORDS, 4, 60, 2), top=560)]
    for drawn in (page, page[::-1]):
        assert wanted in parse(files.pdf([drawn], letters=letters)).text.split("\n\n")


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ([(0, "The water had BeF"), (-1, "4"), (1, "2-"), (0, " in it.")], "The water had BeF₄²⁻ in it."),
        ([(0, "They dated it by "), (1, "14"), (0, "C alone.")], "They dated it by ¹⁴C alone."),
        (
            [(0, "They built the bridge"), (1, "5"), (0, ", and it fell.")],
            "They built the bridge [5], and it fell.",
        ),
        ([(0, "It boils at 90 "), (1, "o"), (0, "C here.")], "It boils at 90 oC here."),
    ],
    ids=["a charge behind a number", "an isotope", "a note before a comma", "a degree"],
)
def test_what_is_raised_before_a_word_or_behind_what_is_lowered_is_on_its_line(
    parts: list[tuple[int, str]], wanted: str
) -> None:
    pieces = []
    left = 60.0
    for shift, text in parts:
        size = 7.0 if shift else 12.0
        pieces.append((left, 600 + (4.0 if shift > 0 else 2.0) * shift, size, text.strip()))
        left += size / 2 * len(text)
        if text.startswith(" "):
            pieces[-1] = (pieces[-1][0] + size / 2, *pieces[-1][1:])
    letters = "".join(sorted({letter for _, text in parts for letter in text} - {" "}))
    page = [*lines(*prose(WORDS, 4, 60, 1), top=700), *pieces, *lines(*prose(WORDS, 4, 60, 2), top=560)]
    assert wanted in parse(files.pdf([page], letters=letters)).text.split("\n\n")
