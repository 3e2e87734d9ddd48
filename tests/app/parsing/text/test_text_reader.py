import pytest

from app.parsing import language
from app.parsing.text.reader import parse_markdown, parse_plain_text

BODY = "CHAPTER I\n\nMira kept a lamp.\n\nCHAPTER II\n\nShe lit it."
HEADER = (
    "The Project Gutenberg eBook of The Lamp\n\nThis ebook is for the use of anyone.\n\nTitle: The Lamp\n"
    "       of Ost\n\nAuthor: M. Ost\n\nLanguage: French\n\n"
)
START = "*** START OF THE PROJECT GUTENBERG EBOOK THE LAMP ***\n\n"
END = "\n\n*** END OF THE PROJECT GUTENBERG EBOOK THE LAMP ***\n\nSection 1. General Terms of Use\n"


def test_a_text_and_its_chapters() -> None:
    book = parse_plain_text(BODY.replace("\n", "\r\n").encode())
    assert (book.format, book.text, book.title) == ("txt", BODY, None)
    assert [span.title for span in book.chapters] == ["CHAPTER I", "CHAPTER II"]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("```sh\n# a comment\n```\n\n# The Lamp\n", "The Lamp"),
        ("~~~\n# a comment\n~~~\n\n### Small\n\n## The Lamp ##\n", "The Lamp"),
        ("The Lamp\n========\n\n# One\n", "The Lamp"),
        ("\n   #\tThe Lamp\n", "The Lamp"),
        ("#lamp and ### Small\n\n### Small", None),
    ],
)
def test_the_title_of_markdown_is_a_heading(text: str, title: str | None) -> None:
    assert parse_markdown(text.encode()).title == title


def test_markdown_has_a_title() -> None:
    book = parse_markdown(b"# The *Lamp* #\n\nText.")
    assert (book.title, book.text) == ("The *Lamp*", "# The *Lamp* #\n\nText.")


@pytest.mark.parametrize("made_by", ["", "Produced by A. Reader and\nothers\n\n\n"])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (START, END),
        (
            "***START OF THIS PROJECT GUTENBERG EBOOK\nTHE LAMP***\n",
            "\nEnd of Project Gutenberg's The Lamp\n" + END,
        ),
        ("*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*\n", ""),
    ],
    ids=["today", "older", "oldest"],
)
def test_project_gutenberg_s_header_and_licence_are_no_text(start: str, end: str, made_by: str) -> None:
    book = parse_plain_text((HEADER + start + made_by + BODY + end).encode())
    assert book.text == BODY
    assert (book.title, book.author, book.language) == ("The Lamp of Ost", "M. Ost", "fr")
    assert [(span.title, book.text[span.start : span.end].strip()) for span in book.chapters] == [
        ("CHAPTER I", "Mira kept a lamp."),
        ("CHAPTER II", "She lit it."),
    ]


def test_a_book_that_only_names_the_project_is_left_alone() -> None:
    text = "Title: None\n\nThe Project Gutenberg has many books. " + BODY
    assert parse_plain_text(text.encode()).text == text
    assert parse_plain_text((HEADER + START).encode()).text == HEADER + START


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("en", "en"),
        ("en_US.UTF-8", "en-US"),
        ("ENG", "en"),
        ("German", "de"),
        ("rum", "ro"),
        ("Persian", "fa"),
        ("zh-Hant-TW", "zh-Hant-TW"),
        ("English, French", "en"),
        ("und", None),
        ("no language at all", None),
        ("", None),
        (None, None),
    ],
)
def test_tags_of_languages(name: str | None, tag: str | None) -> None:
    assert language.tag(name) == tag
