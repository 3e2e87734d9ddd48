"""What a page's words say by where they stand: columns, tables, order."""

import random

import pytest

from app.parsing.pdf.reader import parse
from tests import files
from tests.files import lines

Placed = tuple[float, float, float, str]

WORDS = [
    *("lamp", "harbour", "keeper", "night", "fisherman", "gull", "tower", "stair", "winter", "rope", "green"),
    *("old", "quiet", "before", "after"),
]
GERMAN = [
    *("Leuchtturm", "und", "der", "alte", "Wächter", "sah", "wie", "das", "Boot", "bei", "Nacht", "heim"),
    *("kam", "ohne", "ein", "Licht"),
]
HEBREW = "אבגדהוזחטיכלמנסעפצקרשתםןףךץ.,"


def prose(words: list[str], count: int, width: int, seed: int) -> list[str]:
    """Lines of sentences, none longer than `width` letters."""
    chance = random.Random(seed)
    found: list[str] = []
    line = ""
    while len(found) < count:
        sentence = [chance.choice(words) for _ in range(9)]
        for word in [sentence[0].capitalize(), *sentence[1:-1], sentence[-1] + "."]:
            if len(f"{line} {word}") > width:
                found.append(line)
                line = word
            else:
                line = f"{line} {word}".strip()
    return found[:count]


def column(
    texts: list[str], left: float, top: float = 700, size: float = 9, pitch: float = 12
) -> list[Placed]:
    return [(left, top - pitch * number, size, text) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("words", "columns", "size", "width"),
    [(WORDS, 2, 10.0, 42), (WORDS, 3, 8.0, 32), (GERMAN, 2, 9.0, 46)],
    ids=["two", "three", "German"],
)
def test_columns_are_read_one_after_the_other_however_they_were_drawn(
    words: list[str], columns: int, size: float, width: int
) -> None:
    texts = [prose(words, 24, width, seed) for seed in range(columns)]
    placed = [
        column(each, 40 + number * 530 / columns, size=size, pitch=1.2 * size)
        for number, each in enumerate(texts)
    ]
    wanted = " ".join(" ".join(each) for each in texts)
    head = (40.0, 760.0, 16.0, "The Book of the Lamp that Stands beside the Harbour of Ost")
    by_column = [each for side in placed for each in side]
    by_row = [side[row] for row in range(24) for side in placed]
    shuffled = random.Random(1).sample(by_column, len(by_column))
    for drawn in (by_column, by_row, shuffled):
        assert " ".join(parse(files.pdf([[head, *drawn]])).text.split()) == f"{head[3]} {wanted}"


def test_the_letters_of_an_index_do_not_part_its_columns() -> None:
    left = [f"{word}, {number}" for number, word in enumerate(WORDS[:12])]
    right = [f"{word}, {number}" for number, word in enumerate(GERMAN)]
    page = [
        *column(left[:6], 60, 740),
        (60.0, 640.0, 14.0, "H"),
        *column(left[6:], 60, 610),
        *column(right[:6], 320, 740),
        *column(right[6:], 320, 610),
    ]
    assert parse(files.pdf([page])).text.split() == " ".join([*left[:6], "H", *left[6:], *right]).split()


def test_a_heading_parts_the_columns_above_it_from_those_below() -> None:
    texts = [prose(WORDS, 12, 42, seed) for seed in range(4)]
    drawn = [
        *column(texts[0], 40, 740),
        *column(texts[1], 310, 740),
        (40.0, 570.0, 14.0, "The second week"),
        *column(texts[2], 40, 545),
        *column(texts[3], 310, 545),
    ]
    wanted = " ".join([*texts[0], *texts[1], "The second week", *texts[2], *texts[3]])
    for page in (drawn, sorted(drawn, key=lambda piece: (-piece[1], piece[0]))):
        assert " ".join(parse(files.pdf([page])).text.split()) == wanted


def test_the_heading_of_a_column_is_read_within_it() -> None:
    left, right = prose(WORDS, 24, 42, 1), prose(WORDS, 28, 42, 2)
    drawn = [
        *column(left[:12], 40, 740),
        (40.0, 580.0, 14.0, "The second week"),
        *column(left[12:], 40, 555),
        *column(right, 310, 740),
    ]
    text = parse(files.pdf([drawn])).text
    assert " ".join(text.split()) == " ".join([*left[:12], "The second week", *left[12:], *right])


def test_columns_of_justified_lines_are_columns_though_words_stand_far_apart() -> None:
    sides = [prose(WORDS, 24, 38, seed) for seed in (5, 6)]
    page = []
    for row in range(24):
        for place, side in enumerate(sides):
            words = side[row].split()
            space = (230 - sum(6 * len(word) for word in words)) / (len(words) - 1)
            left = 40.0 + 270 * place
            for word in words:
                page.append((left, 740 - 14.0 * row, 12.0, word))
                left += 6 * len(word) + space
    letters = "".join(sorted({letter for side in sides for text in side for letter in text} - {" "}))
    assert parse(files.pdf([page], letters=letters)).text.split() == " ".join(sides[0] + sides[1]).split()


def test_the_columns_of_an_index_are_read_one_after_the_other() -> None:
    left = [f"{word}, {number}" for number, word in enumerate(WORDS)]
    right = [f"{word}, {number + 40}" for number, word in enumerate(GERMAN[:9])]
    page = [*column(left, 60), *column(right, 320)]
    text = parse(files.pdf([[(60.0, 760.0, 16.0, "Index"), *page]])).text
    assert text.split() == " ".join(["Index", *left, *right]).split()


@pytest.mark.parametrize("by_row", [True, False])
@pytest.mark.parametrize(
    "rows",
    [
        [
            ("Ship", "Captain", "Cargo"),
            ("Wren", "Orla Finch", "salt"),
            ("Tern", "Pim Sand", "oil and tar"),
            ("Crake", "Ada Reed", "wool"),
        ],
        [
            ("Jahr", "Ernte"),
            ("1801", "zwölf Säcke Hafer"),
            ("1802", "neun Säcke"),
            ("1803", "keine"),
            ("1804", "vierzig Säcke"),
        ],
        [
            ("the keeper", "lights the lamp", "7", "8"),
            ("the cook", "rings the bell", "12", "9"),
            ("the boy", "sleeps", "3", "120"),
        ],
    ],
    ids=["ships", "German", "small letters"],
)
def test_a_table_s_row_is_a_line(rows: list[tuple[str, ...]], by_row: bool) -> None:
    cells = [
        (60.0 + 130 * place, 620.0 - 18 * row, 10.0, cell)
        for row, cells in enumerate(rows)
        for place, cell in enumerate(cells)
    ]
    drawn = cells if by_row else sorted(cells, key=lambda cell: cell[0])
    page = [
        *lines(*prose(WORDS, 4, 90, 1), size=10),
        *drawn,
        *lines(*prose(WORDS, 4, 90, 2), top=480, size=10),
    ]
    found = parse(files.pdf([page])).text.split("\n")
    assert [line for line in found if line in {" ".join(row) for row in rows}] == [
        " ".join(row) for row in rows
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lines_are_read_from_top_to_bottom_and_their_pieces_from_left_to_right(seed: int) -> None:
    texts = prose(WORDS, 12, 80, seed)
    pieces = []
    for number, text in enumerate(texts):
        at = text.index(" ", 30)
        # The second piece goes on where the first ends, in a font whose letters are half as wide as high.
        pieces += [
            (60.0, 700.0 - 14 * number, 10.0, text[:at]),
            (60.0 + 5 * (at + 1), 700.0 - 14 * number, 10.0, text[at + 1 :]),
        ]
    letters = "".join(sorted({letter for text in texts for letter in text} - {" "}))
    random.Random(seed).shuffle(pieces)
    assert parse(files.pdf([pieces], letters=letters)).text == " ".join(texts)


@pytest.mark.parametrize("page_width", [600.0])
def test_right_to_left_is_read_in_logical_order(page_width: float) -> None:
    said = [
        "שומר המגדלור הדליק את המנורה הירוקה בכל ערב, ואיש בכפר לא ידע",
        "מדוע, עד שבא השחף וגנב את המפתח.",
    ]
    size = 12.0
    page = [
        (page_width - 60 - len(text) * size / 2, 700 - 15.0 * number, size, text[::-1])
        for number, text in enumerate(said)
    ]
    assert parse(files.pdf([page], letters=HEBREW)).text == " ".join(said)
    other = [*page, (60.0, 640.0, size, "Mira kept a green lamp in the tower.")]
    assert parse(files.pdf([other], letters=HEBREW)).text.split("\n\n") == [
        " ".join(said),
        "Mira kept a green lamp in the tower.",
    ]


def test_right_to_left_paragraphs_and_columns_begin_at_the_right() -> None:
    chance = random.Random(2)
    words = ["".join(chance.choice(HEBREW[:22]) for _ in range(chance.randint(3, 6))) for _ in range(400)]
    sides = []
    for side in range(2):
        texts: list[str] = []
        while len(texts) < 14:
            line = words.pop()
            while len(f"{line} {words[-1]}") <= 38:
                line += " " + words.pop()
            texts.append(line)
        sides.append(
            [
                (540.0 - 260 * side - 5 * len(text), 700.0 - 13 * row, 10.0, text[::-1])
                for row, text in enumerate(texts)
            ]
        )
    drawn = [sides[side][row] for row in range(14) for side in (0, 1)]
    wanted = " ".join(text[::-1] for side in sides for _, _, _, text in side)
    assert parse(files.pdf([drawn], letters=HEBREW)).text == wanted


def test_pages_that_lie_on_their_side_are_read() -> None:
    texts = prose(WORDS, 6, 70, 1)
    content = "\n".join(
        f"BT /F 11 Tf 0 1 -1 0 {100 + 14 * number} 60 Tm ({text}) Tj ET" for number, text in enumerate(texts)
    )
    assert parse(files.pdf([content.encode()])).text.split() == " ".join(texts).split()
