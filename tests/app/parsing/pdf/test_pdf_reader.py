import pytest

from app.parsing.parsed import ParsedBook, ParseError
from app.parsing.pdf.reader import parse
from tests import files
from tests.files import lines

FULL = "Mira kept a green lamp in the tower of Ost and lit it each"
LAST = "night."


def bodies(book: ParsedBook) -> list[tuple[str, str]]:
    return [(span.title, book.text[span.start : span.end].strip()) for span in book.chapters]


def test_lines_become_paragraphs() -> None:
    page = [
        *lines(FULL, LAST, top=700),
        *lines("   ", top=671),
        *lines("The fishermen called the lamp Old Patience, and they all", "steered home by it.", top=640),
        (80.0, 611.0, 12.0, "Indented, another paragraph begins here without a gap,"),
        (60.0, 596.6, 12.0, "and ends."),
    ]
    assert parse(files.pdf([page])).text == (
        f"{FULL} {LAST}\n\n"
        "The fishermen called the lamp Old Patience, and they all steered home by it.\n\n"
        "Indented, another paragraph begins here without a gap, and ends."
    )


def test_words_parted_at_a_line_s_end_are_joined() -> None:
    said = lines(
        "The old lighthouse of Ost is a well-known and much visited light-",
        "house, and whoever comes to see it finds that it is really well-",
        "known, by day and by night, to everybody on the coast.",
    )
    assert parse(files.pdf([said])).text == (
        "The old lighthouse of Ost is a well-known and much visited lighthouse, and "
        "whoever comes to see it finds that it is really well-known, by day and by night, to "
        "everybody on the coast."
    )


def test_lines_that_were_ended_on_purpose_stay_lines() -> None:
    verse = ("The lamp is out", "The sea is loud", "And nobody on all the coast can see the harbour now")
    page = [*lines(*verse), *lines(FULL, FULL, FULL, LAST, top=600)]
    assert parse(files.pdf([page])).text.split("\n\n")[0] == "\n".join(verse)


def test_a_note_s_raised_number_stays_on_its_line() -> None:
    page = [*lines(FULL, "a hundred nights."), (157.0, 695.0, 6.0, "1"), *lines(FULL, LAST, top=640)]
    assert parse(files.pdf([page])).text == f"{FULL} a hundred nights. [1]\n\n{FULL} {LAST}"


def test_running_headers_and_page_numbers_are_gone_and_a_sentence_goes_on() -> None:
    pages = [
        [
            (60.0, 760.0, 10.0, f"{number} THE {word.upper()}" if number % 2 else f"The {word} {number}"),
            *lines(f"{word} {FULL}", f"{word} evening, and so it went on for a hundred years until"),
            (290.0, 40.0, 10.0, str(number)),
        ]
        for number, word in enumerate(["first", "second", "third", "fourth"], 11)
    ]
    book = parse(files.pdf(pages))
    assert book.text == " ".join(
        f"{word} {FULL} {word} evening, and so it went on for a hundred years until"
        for word in ("first", "second", "third", "fourth")
    )
    assert [book.text[span.start :].split()[0] for span in book.pages] == [
        "first",
        "second",
        "third",
        "fourth",
    ]


def test_a_line_that_repeats_apart_from_the_margins_stays() -> None:
    pages = [
        [*lines(f"{n}: {FULL}", LAST, top=600), *lines("The lamp, the lamp.", top=300)] for n in "abcdef"
    ]
    assert parse(files.pdf(pages)).text.count("The lamp, the lamp.") == 6


def test_a_line_that_repeats_inside_the_page_stays() -> None:
    pages = [[*lines(*[FULL] * 4, "Refrain of the lamp.", *[FULL] * 4)] for _ in range(6)]
    assert parse(files.pdf(pages)).text.count("Refrain of the lamp.") == 6


def test_pages_have_the_labels_that_are_printed() -> None:
    labels = "/PageLabels<</Nums[0<</S/r>>2<</S/D/St 7>>]>>"
    pages = [lines(f"This is the page of the number {n}.") for n in ("one", "two", "three")]
    book = parse(files.pdf(pages, catalog=labels))
    assert [span.label for span in book.pages] == ["i", "ii", "7"]
    assert [book.text[span.start :][:27] for span in book.pages] == ["This is the page of the num"] * 3
    assert [span.label for span in parse(files.pdf(pages)).pages] == ["1", "2", "3"]


def test_an_outline_gives_chapters() -> None:
    pages = [
        [(60.0, 700.0, 12.0, "ONE"), (60.0, 680.0, 20.0, "The Lamp"), *lines(FULL, LAST, top=600)],
        [
            (60.0, 700.0, 20.0, "2. Night"),
            *lines(FULL, LAST, top=600),
            *lines("No Heading Says This", top=400),
        ],
    ]
    outline = [
        "<</First 9 0 R/Last 11 0 R/Count 3>>",
        "<</Title(The Lamp)/Parent 8 0 R/Next 10 0 R/Dest[4 0 R/XYZ 0 720 0]>>",
        "<</Title(Night)/Parent 8 0 R/Prev 9 0 R/Next 11 0 R/Dest[6 0 R/XYZ 0 720 0]>>",
        "<</Title(Morning)/Parent 8 0 R/Prev 10 0 R/Dest[6 0 R/XYZ 0 415 0]>>",
    ]
    book = parse(files.pdf(pages, catalog="/Outlines 8 0 R", more=outline))
    assert bodies(book) == [
        ("The Lamp", f"{FULL} {LAST}"),
        ("Night", f"{FULL} {LAST}"),
        ("Morning", "No Heading Says This"),
    ]


def test_without_an_outline_larger_lines_are_chapters() -> None:
    pages = [
        [(60.0, 700.0, 20.0, title), *lines(FULL, FULL, LAST, top=650)] for title in ("The Lamp", "The Night")
    ]
    assert bodies(parse(files.pdf(pages))) == [
        (title, f"{FULL} {FULL} {LAST}") for title in ("The Lamp", "The Night")
    ]


def test_without_larger_lines_chapter_lines_are() -> None:
    page = [
        *lines("CHAPTER I", top=760),
        *lines(FULL, LAST, top=700),
        *lines("CHAPTER II", top=600),
        *lines(FULL, top=550),
    ]
    assert [title for title, _ in bodies(parse(files.pdf([page])))] == ["CHAPTER I", "CHAPTER II"]


def test_title_author_and_language_are_told() -> None:
    book = parse(files.pdf([lines(FULL)], info="/Title(The Lamp)/Author(M. Ost)", catalog="/Lang(en-GB)"))
    assert (book.format, book.title, book.author, book.language) == ("pdf", "The Lamp", "M. Ost", "en-GB")
    unnamed = parse(files.pdf([lines(FULL)], info="/Title(Microsoft Word - lamp.doc)"))
    assert (unnamed.title, unnamed.author, unnamed.language) == (None, None, None)


@pytest.mark.parametrize("content", [b"", b"0 0 1 rg 50 50 200 200 re f"])
def test_pages_without_words_are_told_apart(content: bytes) -> None:
    with pytest.raises(ParseError) as refused:
        parse(files.pdf([content] * 3))
    assert refused.value.slug == "no-text"


def test_what_is_no_pdf_is_damaged() -> None:
    with pytest.raises(ParseError) as refused:
        parse(b"%PDF-1.7\nand nothing of one")
    assert refused.value.slug == "unreadable-book"
