"""`bookchorus add` of folders, patterns and many files, against a real service."""

import json
import re
from pathlib import Path

import httpx
import pytest
from typer.testing import Result

from app.client import Client
from tests import files
from tests.app.cli.runner import bookchorus
from tests.service.conftest import service
from tests.service.test_books import QUICK, upload

RECIPE = ("--recipe", json.dumps(QUICK))
OPF = (
    '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
    "<dc:title>{title}</dc:title><dc:creator>Anna Ufer</dc:creator><dc:language>ger</dc:language>"
    "<dc:subject>Sea stories</dc:subject></metadata></package>"
)


def epub(words: str) -> bytes:
    return files.epub({"one.xhtml": files.xhtml(f"<h1>One</h1><p>Mira kept a lamp {words}.</p>")})


def calibre(folder: Path, title: str, words: str) -> Path:
    """A book of Calibre in two formats, of which the EPUB is read better."""
    book = folder / "Anna Ufer" / f"{title} (1)"
    book.mkdir(parents=True)
    (book / f"{title}.epub").write_bytes(epub(words))
    (book / f"{title}.pdf").write_bytes(files.pdf([files.lines(f"Mira kept a lamp {words} in a PDF.")]))
    (book / "metadata.opf").write_text(OPF.format(title=title))
    return book


def add(client: Client, *words: str | Path) -> Result:
    return bookchorus("add", *map(str, words), *RECIPE, BOOKCHORUS_URL=client.url)


def test_a_folder_is_added_and_learned_with_what_calibre_says(client: Client, tmp_path: Path) -> None:
    calibre(tmp_path, "The Lamp at Sea", "at sea")
    (tmp_path / "harbour.txt").write_text("Mira kept a lamp in the harbour.")
    tower = files.xhtml("<p>Mira kept a green lamp in the tower of Ost.</p>")
    halves = dict.fromkeys(("one.xhtml", "two.xhtml"), tower)
    (tmp_path / "half.epub").write_bytes(files.with_damaged_entry(files.epub(halves), "OEBPS/two.xhtml"))
    (tmp_path / "page.pdf").write_bytes(files.pdf([files.lines("Mira kept a lamp on a page.")]))
    (tmp_path / "broken.epub").write_bytes(b"PK\x03\x04 no archive")
    done = add(client, tmp_path)
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    # Uploads are begun in the order of the files, which is that of a person.
    begun = [line.partition(":")[0] for line in lines if line.endswith(": uploading")]
    assert begun == ["broken.epub", "half.epub", "harbour.txt", "page.pdf", "The Lamp at Sea.epub"]
    assert [line for line in lines if line.startswith("broken.epub: failed: The file begins like an EPUB")]
    assert "The Lamp at Sea.epub (The Lamp at Sea): ready" in lines
    assert "4 ready · 1 failed" in lines
    # What of a book could not be read is said last.
    assert lines[-1].startswith("half.epub: The document 'OEBPS/two.xhtml' is left out.")
    shelf = {book.filename: book for book in client.books()}
    assert "The Lamp at Sea.pdf" not in shelf
    book = shelf["The Lamp at Sea.epub"]
    assert (book.title, book.author, book.language) == ("The Lamp at Sea", "Anna Ufer", "de")
    assert (book.tags, book.state) == (["sea stories"], "ready")
    # Once more: what is known is not sent, and what failed fails again.
    sent = len(client.books())
    again = add(client, tmp_path / "harbour.txt", tmp_path / "**" / "*.epub")
    assert again.exit_code == 1
    assert "harbour.txt (harbour): here already: ready" in again.stdout
    assert "3 here already · 1 failed" in again.stdout.splitlines()
    assert len(client.books()) == sent


def test_options_win_over_calibre(client: Client, tmp_path: Path) -> None:
    book = calibre(tmp_path, "The Lamp on Land", "on land")
    words = ("--author", "Me", "--tag", "mine", "--language", "fr", "--no-wait")
    done = add(client, book, *words)
    assert done.exit_code == 0, done.output
    [added] = [each for each in client.books() if each.title == "The Lamp on Land"]
    assert (added.author, added.tags, added.language) == ("Me", ["mine"], "fr")
    assert "is queued" in done.stdout or "is running" in done.stdout


def test_a_known_book_is_not_sent_again(client: Client, http: httpx.Client, tmp_path: Path) -> None:
    text = "Mira kept a lamp that is known."
    book = upload(http, text).json()["book"]
    (tmp_path / "other.txt").write_text(text)
    (tmp_path / "same.txt").write_text(text)
    (tmp_path / "new.txt").write_text(text + " And a new one.")
    (tmp_path / "twin.txt").write_text(text + " And a new one.")
    one = add(client, tmp_path / "other.txt")
    assert (one.exit_code, f"({book['id']}) is here already: ready" in one.stdout) == (0, True)
    many = add(client, tmp_path, "--no-wait")
    assert many.exit_code == 0, many.output
    # One of two files with the same bytes is the other's book.
    assert "3 here already" in many.stdout.splitlines()[-1]
    assert "the same book as" in many.stdout
    assert client.book(book["id"]).filename == "lamp.md"


def test_what_names_no_book_is_told_and_the_rest_goes_on(client: Client, tmp_path: Path) -> None:
    (tmp_path / "there.txt").write_text("Mira kept a lamp that is there.")
    done = add(client, tmp_path / "lost.txt", tmp_path / "*.epub", tmp_path / "there.txt", "--no-wait")
    assert done.exit_code == 1
    assert "lost.txt: failed: Cannot read it: No such file or directory." in done.stdout
    assert "*.epub: failed: No book fits this pattern." in done.stdout
    assert re.search(r"^there\.txt \(there\): (queued|learning|ready)$", done.stdout, re.MULTILINE)
    nothing = add(client, tmp_path / "*.epub")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert "No book fits this pattern." in nothing.stderr


@pytest.mark.parametrize("option", ["--title", "--revises"])
def test_an_option_of_one_book_is_refused_for_many(client: Client, tmp_path: Path, option: str) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    refused = add(client, tmp_path, option, "One")
    assert refused.exit_code == 2
    assert option in refused.stderr


def test_where_no_service_answers_one_line_says_so(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    done = bookchorus("add", str(tmp_path), BOOKCHORUS_URL="http://127.0.0.1:9")
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert "bookchorus serve" in done.stderr


def test_more_books_than_the_queue_has_room_for_are_all_added(tiny_folder: Path, tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    for number in range(4):
        (books / f"{number}.txt").write_text(f"Mira kept lamp {number} in the tower of Ost.")
    (books / b"latin-1 \xe9.txt".decode("utf-8", "surrogateescape")).write_text("Mira kept one more lamp.")
    with service(tmp_path, "--model", str(tiny_folder), max_queued_jobs="1") as client:
        done = add(client, books)
        assert done.exit_code == 0, done.output
        assert done.stdout.splitlines()[-1] == "5 ready"
        assert {book.state for book in client.books()} == {"ready"}
