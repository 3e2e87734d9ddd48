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
    ("utf-16-le", "One night the green lamp went out.\n"),
    ("utf-16-be", "Однажды ночью погас зелёный фонарь.\n" * 3),
    ("utf-16-le", "一天夜里，绿色的灯熄灭了，渔夫们饿着肚子回到了港口。\n" * 3),
    ("utf-32", "One night — the lamp went out.\n"),
    ("utf-32-be", "ある夜、緑の灯が消えた。\n"),
    ("iso2022_jp", "ある夜、緑の灯が消えた。漁師たちは港に帰ってきた。\n" * 3),
    ("cp932", "ある夜、緑の灯が消えた。\n"),
    ("cp437", "Der Wächter stieg hinab und suchte die Möwe. Größe, Mäuse, schöne Träume.\n" * 3),
    ("cp850", "Le garçon prit la clé et s'enfuit vers la forêt où l'été dormait déjà.\n" * 3),
    ("cp865", "På øen boede en gammel fisker. Han så den grønne lampe slukke om natten.\n" * 3),
    ("mac_roman", "“It wasn’t me,” said the boy — “ask the café.” The fiancé left.\n" * 3),
    ("mac_roman", "Le garçon prit la clé d’argent — « Où vas-tu ? » — et s’enfuit.\n" * 3),
    ("cp1254", "Gece yarısı deniz fenerinin ışığı söndü. Balıkçılar kıyıya döndü, çocuklar korktu.\n" * 3),
    ("iso8859_6", "في ليلة من ليالي الشتاء انطفأ المصباح الأخضر وعاد الصيادون إلى الميناء.\n" * 3),
    ("cp1256", "في ليلة من ليالي الشتاء انطفأ المصباح الأخضر وعاد الصيادون إلى الميناء.\n" * 3),
    ("cp1255", "בלילה אחד כבה הפנס הירוק והדייגים חזרו אל הנמל רעבים ועייפים.\n" * 3),
    ("koi8_u", "Вночі згас зелений ліхтар, і рибалки повернулися голодні. Її ґанок був порожній.\n" * 3),
    ("cp866", "Однажды ночью погас зелёный фонарь, и рыбаки вернулись в гавань голодные.\n" * 3),
    ("mac_cyrillic", "Однажды ночью погас зелёный фонарь, и рыбаки вернулись голодные.\n" * 3),
    ("cp1257", "Naktį švyturys užgeso. Žvejai grįžo į uostą, o vaikai bijojo.\n" * 3),
    ("tis_620", "คืนหนึ่งโคมไฟสีเขียวดับลง และชาวประมงกลับมาที่ท่าเรือด้วยความหิว\n" * 3),
    ("cp1252", "It was dark. The café closed, he said.\n"),
    ("gb18030", "从前有一座塔，塔里有一盏绿色的灯。渔夫们都靠它回家。\n" * 4),
    ("big5", "從前有一座塔，塔裡有一盞綠色的燈。漁夫們都靠它回家。\n" * 4),
    ("cp1252", "La città era buia perché il guardiano non c’era più. Così la volpe andò là.\n"),
    ("cp1252", "La città è là.\n"),
    ("cp1252", "He’s late.\n"),
    ("cp1252", "“No.”\n"),
    ("cp1252", "Die Möwe.\n"),
    ("cp1252", "¿Dónde?\n"),
    ("cp1252", "It cost £5, or 20 €. It was 20° and ½ of it was © 1999.\n"),
    ("cp1251", "Nothing but plain letters here.\n" * 9 + "Чайка украла ключ.\n"),
    ("cp1257", "Vieną žiemos naktį žuvėdra pavogė sidabrinį raktą.\n" * 9),
    ("iso8859_13", "Visas kaimas bijojo, kad šviesa užges. Vieną naktį ji užgeso.\n" * 3),
    ("cp852", "Žena je šutjela, a đak je čitao knjigu.\n"),
    ("iso8859_8", "שלום.\n"),
    ("cp932", "東京都\n"),
    ("cp932", "「誰だ？」と彼は言った。コーヒーは①番。\n"),
    ("gbk", "Nothing but plain letters here.\n" * 9 + "The word 海鸥 means gull. 他说：“你好。”\n"),
    ("euc_kr", "Nothing but plain letters here.\n" * 9 + "The word 갈매기 means gull.\n"),
    ("iso2022_kr", "갈매기가 열쇠를 훔쳤다.\n"),
    ("utf-16-le", "Hi.\n"),
    ("utf-16-le", "灯台\n"),
    ("utf-16-le", "नमस्ते।\n"),
    ("utf-16-be", "बगुले ने चाँदी की चाबी चुराई।\n"),
    ("utf-16-le", "คืนหนึ่งนกนางนวลขโมยกุญแจเงินไป\n"),
    ("euc_kr", "옛날 옛적에 어느 마을에 한 노인이 살았습니다. 그는 매우 가난했습니다.\n" * 4),
]


@pytest.mark.parametrize(("encoding", "text"), TEXTS, ids=[encoding for encoding, _ in TEXTS])
def test_the_encoding_is_found(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        (
            "СТАРЫЙ СМОТРИТЕЛЬ ЗАЖИГАЛ ФОНАРЬ КАЖДЫЙ ВЕЧЕР, А УТРОМ ГАСИЛ ЕГО И ШЁЛ ДОМОЙ.",
            ["cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic"],
        ),
        ("СТАРИЯТ ПАЗАЧ ПАЛЕШЕ ФЕНЕРА ВСЯКА ВЕЧЕР.", ["cp1251"]),
        ("Ο ΓΕΡΟΣ ΦΥΛΑΚΑΣ ΑΝΑΒΕ ΤΟ ΦΑΝΑΡΙ ΚΑΘΕ ΒΡΑΔΥ ΚΑΙ ΤΟ ΠΡΩΙ ΤΟ ΕΣΒΗΝΕ.", ["cp1253", "iso8859_7"]),
        ("STARY LATARNIK CO WIECZÓR ZAPALAŁ LATARNIĘ, A RANO GASIŁ JĄ.", ["cp1250", "iso8859_2"]),
    ],
    ids=["ru", "bg", "el", "pl"],
)
def test_the_encoding_of_a_text_in_capitals_is_found(text: str, encodings: list[str]) -> None:
    assert [decode(text.encode(encoding)) for encoding in encodings] == [text] * len(encodings)


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp1252", ["Jan Pokorný", "José Núñez", "Jérôme", "Suárez-Alvarez", "Jörg Walter"]),
        ("cp1252", ["Søren Kierkegård", "François Viète", "Åsa Öström", "Muñoz", "Bécu"]),
        ("cp1250", ["Stanisław Łuczak", "Jürgen Schäfer", "Božena Němcová"]),
        ("cp1251", ["Дмитрий", "Иван Петрович", "Ольга"]),
    ],
)
@pytest.mark.parametrize("around", ["{}<br>\n", "<i>({})</i>\n", "by ={}=, `{}` and {}+\n"])
def test_names_between_the_signs_of_markup_are_read(encoding: str, names: list[str], around: str) -> None:
    plain = "Thanks for this part of the work go to all who sent it.\n" * 60
    text = plain + "".join(around.replace("{}", name) for name in names) + plain
    assert decode(text.encode(encoding)) == text
    assert decode(text.encode(encoding), markup=True) == text


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


LINES = ["The keeper was called Mira.", "She lit the lamp.", "A fox took the key."]


@pytest.mark.parametrize(
    "data",
    [
        "\r\n".join(LINES).encode() + b"\r\n\x1a",
        "\r\n".join(LINES).encode() + b"\r\n" + b"\x1a" * 90,
        "\n".join(LINES).encode() + b"\n" + b"\0" * 80,
        b"".join(line.encode().ljust(40, b"\0") + b"\r\n" for line in LINES),
        "\x85".join(LINES).encode(),
        "\u2028".join(LINES).encode(),
        "\u2029".join(LINES).encode("utf-16"),
    ],
    ids=["Ctrl-Z", "a sector of Ctrl-Z", "NUL", "records", "NEL", "U+2028", "U+2029"],
)
def test_what_old_systems_leave_costs_itself_alone(data: bytes) -> None:
    assert [line for line in decode(data).split("\n") if line] == LINES


def test_what_stands_for_windows_quotes_is_those() -> None:
    data = "The keeper\x92s name\x85 \x93No,\x94 said Tom.\n".encode()
    assert decode(data) == "The keeper’s name… “No,” said Tom.\n"


@pytest.mark.parametrize("bad", [b"\xff", b"\xe2\x80", b"\x96", b"\xc3"])
@pytest.mark.parametrize(
    "line", ["The keeper’s café — closed.\n", "Зелёный фонарь погас.\n", "緑の灯が消えた。\n"]
)
def test_a_damaged_character_costs_itself_alone(line: str, bad: bytes) -> None:
    whole = (line * 20).encode()
    text = decode(whole + b"Here " + bad + b" it is.\n" + whole)
    assert text.count(line) == 40
    assert "Here \ufffd" in text


def test_a_control_character_in_a_long_text_costs_itself_alone() -> None:
    long = "She lit the lamp.\n" * 60
    assert decode((long + "A bell \x07 rang.\n" + long).encode()) == long + "A bell  rang.\n" + long


def test_markup_says_what_it_is_in() -> None:
    page = "<html><head><meta charset=windows-1251></head>Да</html>"
    assert decode(page.encode("cp1251"), markup=True) == page
    assert (
        decode('<?xml version="1.0" encoding="latin-1"?><p>é\x92</p>'.encode("latin-1"), markup=True)[-8:]
        == "p>é’</p>"
    )
