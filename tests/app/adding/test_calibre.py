"""What is read of Calibre's metadata.opf."""

from pathlib import Path

import pytest

from app.adding.calibre import About, beside

HEAD = (
    '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:opf="http://www.idpf.org/2007/opf"><metadata>'
)
CALIBRES = (
    "<?xml version='1.0' encoding='utf-8'?>\n"
    + HEAD
    + """<dc:title>The Lamp &amp; the Sea</dc:title>
    <dc:creator opf:file-as="Ost, M." opf:role="aut">M. Ost</dc:creator>
    <dc:creator opf:role="aut">Anna Ä. Ufer</dc:creator>
    <dc:creator opf:role="ill">A. Painter</dc:creator>
    <dc:contributor opf:role="bkp">calibre</dc:contributor>
    <dc:language>ger</dc:language><dc:language>eng</dc:language>
    <dc:subject>Sea stories</dc:subject><dc:subject>Fiction, Lamps</dc:subject>
    <meta name="calibre:series" content="Lamps"/></metadata></package>"""
)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    file = tmp_path / "The Lamp - M. Ost.epub"
    file.write_bytes(b"PK")
    return file


def about(book: Path, opf: str | bytes) -> About:
    (book.parent / "metadata.opf").write_bytes(opf.encode() if isinstance(opf, str) else opf)
    return beside(book)


def test_title_authors_language_and_tags_are_read(book: Path) -> None:
    assert about(book, CALIBRES) == About(
        "The Lamp & the Sea", "M. Ost, Anna Ä. Ufer", "de", ("sea stories", "fiction", "lamps")
    )


def test_without_an_opf_nothing_is_said(book: Path) -> None:
    assert beside(book) == About()


def test_roles_may_stand_in_elements_of_their_own(book: Path) -> None:
    opf = (
        HEAD + '<dc:creator id="a">A. Painter</dc:creator><dc:creator id="b">M. Ost</dc:creator>'
        '<meta refines="#a" property="role">ill</meta><meta refines="#b" property="role">aut</meta>'
        "</metadata></package>"
    )
    assert about(book, opf).author == "M. Ost"


def test_what_calibre_does_not_know_is_not_said(book: Path) -> None:
    opf = (
        HEAD
        + "<dc:creator>Unknown</dc:creator><dc:language>und</dc:language><dc:title/></metadata></package>"
    )
    assert about(book, opf) == About()


def test_more_than_a_book_may_have_is_cut(book: Path) -> None:
    subjects = "".join(f"<dc:subject>tag {number:02}</dc:subject>" for number in range(40))
    opf = f"{HEAD}<dc:title>{'t' * 1_100}</dc:title><dc:subject>{'x' * 61}</dc:subject>{subjects}"
    found = about(book, opf)
    assert found.title == "t" * 1_000
    assert found.tags == tuple(f"tag {number:02}" for number in range(16))


@pytest.mark.parametrize(
    "opf",
    [
        b"",
        b"\x00\x01\x02" * 50,
        "<package><metadata>",
        '<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]><package><metadata>&a;</metadata></package>',
        "no xml at all",
    ],
)
def test_a_broken_opf_costs_what_it_says_alone(book: Path, opf: str | bytes) -> None:
    assert about(book, opf) == About()


def test_an_opf_expands_no_entities(book: Path) -> None:
    bomb = (
        '<!DOCTYPE p [<!ENTITY lol "lol"><!ENTITY two "&lol;&lol;"><!ENTITY file SYSTEM "file:///etc/hostname">]>'
        + HEAD
        + "<dc:title>A &two; tale&file;</dc:title></metadata></package>"
    )
    assert about(book, bomb).title == "A tale"


def test_the_opf_of_a_folder_says_nothing_of_several_books(book: Path) -> None:
    (book.parent / "The Lamp - M. Ost.pdf").write_bytes(b"%PDF")
    assert about(book, CALIBRES).language == "de"
    other = book.parent / "Another.txt"
    other.write_text("Another.")
    assert about(book, CALIBRES) == About()
    # What Calibre saves to a disk has an OPF for each book.
    other.with_suffix(".opf").write_text(CALIBRES, encoding="utf-8")
    assert beside(other).author == "M. Ost, Anna Ä. Ufer"


def test_what_is_said_first_counts() -> None:
    for one, other in ((About("A"), About("B")), (About(language="en"), About(language="de"))):
        assert one.or_else(other) == one
    mine = About(author="Me", tags=("mine",))
    assert mine.or_else(About("Title", "Other", "de", ("other",))) == About("Title", "Me", "de", ("mine",))
