# ruff: noqa: RUF001 - letters of Hebrew
"""Lines on which some words are written from right to left and others from left to right."""

import pytest

from app.parsing.pdf.reader import parse
from tests import files

HEBREW = "שומר המגדלור הדליק את המנורה הירוקה בכל ערב"
ENGLISH = "Mira kept a green lamp in the tower."


@pytest.mark.parametrize(
    ("page", "shown", "wanted"),
    [
        (HEBREW, ",1834 תנשב הנבנ לדגמה", "המגדל נבנה בשנת 1834,"),
        (HEBREW, ".תונולח 3-ו תוגרדמ 212", "212 מדרגות ו-3 חלונות."),
        (HEBREW, ".(הליל) ודבל Tom Weir בתכ", "כתב Tom Weir לבדו (לילה)."),
        (HEBREW, ".)הליל( ודבל בתכ", "כתב לבדו (לילה)."),
        (ENGLISH, "The word דבא חתפמ, said Mira", "The word מפתח אבד, said Mira"),
        (ENGLISH, "On page 3 (דבא חתפמה) she stopped.", "On page 3 (המפתח אבד) she stopped."),
    ],
    ids=["a year", "numbers", "names", "brackets as they were typed", "a phrase", "a phrase in brackets"],
)
def test_both_directions_on_a_line_are_read_as_they_were_written(page: str, shown: str, wanted: str) -> None:
    letters = "".join(sorted(set(page + shown) - {" "}))
    if page == HEBREW:
        made = [
            (540 - 6.0 * len(text), height, 12.0, text)
            for height, text in [(700.0, page[::-1]), (640.0, shown)]
        ]
    else:
        made = [(60.0, 700.0, 12.0, page), (60.0, 640.0, 12.0, shown)]
    assert parse(files.pdf([made], letters=letters)).text == f"{page}\n\n{wanted}"


def test_the_letters_of_one_sign_are_in_the_order_of_reading() -> None:
    # Arabic joins lam and alef to one sign; a file says of it that it is both.
    said = "وثلاث نوافذ في البرج"
    signs = said.replace("لا", "\0")[::-1]
    letters = "".join(sorted(set(signs) - {" "}))
    made = files.pdf([[(400.0, 700.0, 12.0, signs)]], letters=letters)
    both = f"<{'لا'.encode('utf-16-be').hex()}>".encode()
    assert parse(made.replace(b"<0000>", both)).text == said
