# ruff: noqa: RUF001 - texts of many languages
import random

import pytest

from app.parsing.encoding import decode
from app.parsing.parsed import ParseError

FRENCH = (
    "Le café était fermé; « Où vas-tu ? » dit-il. À l’aube, son frère l’attendait déjà à l’orée du bois.\n"
    * 3
)
TEXTS = [
    ("utf-8", "Ünïcode — 狐狸"),
    ("utf-8-sig", "mark"),
    ("utf-16", "Ünïcode"),
    ("cp1252", FRENCH),
    ("cp1251", "Однажды в студёную зимнюю пору я из лесу вышел; был сильный мороз.\n" * 4),
    ("koi8-r", "Однажды в студёную зимнюю пору я из лесу вышел; был сильный мороз.\n" * 4),
    ("cp1250", "Zażółć gęślą jaźń. Był sobie król, który miał trzy córki.\n" * 4),
    ("cp1253", "Μια φορά κι έναν καιρό ήταν ένας βασιλιάς που είχε τρεις κόρες.\n" * 4),
    ("shift_jis", "吾輩はランプである。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n" * 4),
    ("euc_jp", "吾輩はランプである。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n" * 4),
    ("gb18030", "从前有一座塔，塔里有一盏绿色的灯。渔夫们都靠它回家。\n" * 4),
    ("big5", "從前有一座塔，塔裡有一盞綠色的燈。漁夫們都靠它回家。\n" * 4),
    ("euc_kr", "옛날 옛적에 어느 마을에 한 노인이 살았습니다. 그는 매우 가난했습니다.\n" * 4),
]


@pytest.mark.parametrize(("encoding", "text"), TEXTS, ids=[encoding for encoding, _ in TEXTS])
def test_the_encoding_is_found(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_a_book_is_decoded_whole_by_what_its_first_foreign_lines_tell() -> None:
    plain = "Nothing but plain letters here.\n" * 5_000
    assert decode((plain + FRENCH + plain).encode("cp1252")) == plain + FRENCH + plain


def test_lines_end_with_line_feeds() -> None:
    assert decode(b"one\r\ntwo\rthree\n") == "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"a\x00b",
        b"\xff\xfeodd",
        b"bell \x07",
        b"\x80\x81\x82\x83\xff\xfe" * 30,
        bytes(range(128, 256)) * 20,
        *(random.Random(seed).randbytes(2_000) for seed in range(5)),
        *(bytes(random.Random(seed).choices(range(160, 256), k=400)) for seed in range(5)),
    ],
    ids=lambda data: repr(data[:6]),
)
def test_rubbish_is_no_text(data: bytes) -> None:
    with pytest.raises(ParseError) as refused:
        decode(data)
    assert refused.value.slug == "unreadable-text"


def test_markup_says_what_it_is_in() -> None:
    page = "<html><head><meta charset=windows-1251></head>Да</html>"
    assert decode(page.encode("cp1251"), markup=True) == page
    assert (
        decode('<?xml version="1.0" encoding="latin-1"?><p>é\x92</p>'.encode("latin-1"), markup=True)[-7:]
        == "<p>é</p>"[1:]
    )
