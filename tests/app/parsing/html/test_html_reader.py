import pytest

from app.parsing.html.reader import parse
from app.parsing.parsed import ParsedBook


def read(body: str, head: str = "") -> ParsedBook:
    return parse(f"<!DOCTYPE html><html lang='en_GB'><head>{head}</head><body>{body}</body></html>".encode())


def test_words_stand_as_a_reader_sees_them() -> None:
    book = read(
        "<nav>Menu</nav><p>Mira  kept\n a <b>gr</b>een\u00adlamp&nbsp;there&hellip;<script>x()</script></p>"
        "<div>One<div>Two</div>Three<br>Four</div><ul><li>Five<li>Six</ul>"
        "<div role='navigation'>Next</div><p hidden>No</p><style>p {}</style><!-- no -->Seven"
    )
    assert book.text == ("Mira kept a greenlamp there…\n\nOne\n\nTwo\n\nThree\nFour\n\nFive\nSix\n\nSeven")


def test_tables_notes_and_code() -> None:
    book = read(
        "<table><tr><th>Lamp</th><th>Oil</th></tr><tr><td><p>old</p></td><td>3</td></tr></table>"
        "<p>It burned.<sup><a href='#n'>1</a></sup> And how.</p><pre>a = 1\n  b = 2</pre>"
    )
    assert book.text == "Lamp | Oil\nold | 3\n\nIt burned.[1] And how.\n\na = 1\n  b = 2"


def test_headings_of_three_levels_are_chapters() -> None:
    book = read(
        "<p>Before.</p><h1 id='i'>Chapter I<br>The Lamp</h1><p>One.</p><section id='n'><h3>Night"
        "<a class='headerlink' href='#n'>¶</a></h3><p>Two.</p></section><h4>Small</h4><p>Three.</p>"
        "<h2>Empty</h2>"
    )
    assert [
        (span.title, book.text[span.start : span.end].strip(), span.anchor) for span in book.chapters
    ] == [
        ("", "Before.", None),
        ("Chapter I. The Lamp", "One.", "i"),
        ("Night", "Two.\n\nSmall\n\nThree.", "n"),
    ]


def test_title_author_and_language_come_from_the_head() -> None:
    head = "<title>The\n Lamp</title><meta name='author' content='M. Ost'>"
    book = read("<h1>One</h1><p>Text.", head)
    assert (book.title, book.author, book.language) == ("The Lamp", "M. Ost", "en-GB")
    assert read("<h1>One</h1><p>Text.").title == "One"


def test_the_main_part_of_a_page_is_the_book() -> None:
    assert read("<header>Site</header><main><p>The lamp.</p></main><footer>Help</footer>").text == "The lamp."


def test_a_page_declares_its_encoding() -> None:
    data = "<html><head><meta charset='windows-1251'></head><body>Лампа горела.</body></html>".encode(
        "cp1251"
    )
    assert parse(data).text == "Лампа горела."


def test_a_page_without_words_has_no_text() -> None:
    assert parse(b"<html></html>").text == ""
    assert parse(b"").chapters == []


def test_deep_nesting_is_read() -> None:
    assert parse(b"<html><body>" + b"<div>" * 1000 + b"deep").text == "deep"


def test_an_item_within_another_is_on_the_next_line() -> None:
    assert read("<ol><li>a<ol><li><p>b</p></li></ol></li></ol>").text == "1. a\n1. b"


def test_a_heading_keeps_its_items_number() -> None:
    book = read("<ol start=4><li><h2>Night</h2><p>One.</p></li><li><h2>Day</h2><p>Two.</p></li></ol>")
    assert [(span.title, book.text[span.start : span.end].strip()) for span in book.chapters] == [
        ("4. Night", "One."),
        ("5. Day", "Two."),
    ]


@pytest.mark.parametrize(
    ("page", "lines"),
    [
        ("<ol><li>a<li>b</ol>", ["1. a", "2. b"]),
        ("<ol start=3><li>a<li>b</ol>", ["3. a", "4. b"]),
        ("<ol><li>a<li value=7>b<li>c</ol>", ["1. a", "7. b", "8. c"]),
        ("<ol reversed><li>a<li>b</ol>", ["2. a", "1. b"]),
        ("<ol type=i start=4><li>a<li>b</ol>", ["iv. a", "v. b"]),
        ("<ol type=A start=26><li>a<li>b</ol>", ["Z. a", "AA. b"]),
        ("<ol><li><p>a</p><p>b</p></ol>", ["1. a", "b"]),
        ("<ol><li>a<ol type=a><li>b</ol></ol>", ["1. a", "a. b"]),
        ("<ol style='list-style-type: none'><li>a</ol><ul><li>b</ul>", ["a", "b"]),
        ("<ol start=-1><li>a<li value=' +7 '>b<li value=x>c</ol>", ["-1. a", "7. b", "8. c"]),
        ("<ol start=3.7><li>a</ol><ol start=4th><li>b</ol><ol start=x><li>c</ol>", ["3. a", "4. b", "1. c"]),
        ("<ol reversed start=9><li>a<li hidden>b<li value=4>c<li>d</ol>", ["9. a", "4. c", "3. d"]),
        ("<ol reversed><li hidden>a<li>b<li>c</ol>", ["2. b", "1. c"]),
        (
            "<ol type=I><li>a<li type=a>b<li style='list-style: none'>c<li>d</ol>",
            ["I. a", "b. b", "c", "IV. d"],
        ),
        ("<ol style='list-style-type:Upper-Latin'><li>a</ol>", ["A. a"]),
        ("<ol style='list-style: lower-roman inside'><li>a</ol>", ["i. a"]),
        ("<ol style='list-style-type:decimal-leading-zero' start=9><li>a<li>b</ol>", ["09. a", "10. b"]),
        (
            "<ol style='list-style-type:lower-greek' start=24><li>a<li>b</ol>",
            ["\u03c9. a", "\u03b1\u03b1. b"],
        ),
        (
            "<ol style='list-style-type: disc'><li>a</ol><ul style='list-style:decimal'><li>b</ul>",
            ["a", "1. b"],
        ),
        ("<ol><div><li>a</div><div><li>b</div></ol>", ["1. a", "2. b"]),
        ("<ol><li>a</li><ol><li>b</ol><li>c</ol>", ["1. a", "1. b", "2. c"]),
        ("<ol><li><a id=x></a><section><div><p>a</div></section><p>b</ol>", ["1. a", "b"]),
        ("<ol><li><table><tr><td>a<td>b</table><li><pre>c\n  d</pre></ol>", ["1. a | b", "2. c", "  d"]),
        ("<ol><li><img src=x><li><li>a<li><ol type=i><li>b</ol></ol>", ["1.", "2.", "3. a", "4. i. b"]),
    ],
)
def test_an_item_keeps_the_number_that_a_reader_sees(page: str, lines: list[str]) -> None:
    assert [line for line in parse(page.encode()).text.splitlines() if line] == lines
