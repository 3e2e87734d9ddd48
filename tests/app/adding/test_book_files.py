"""Which files `bookchorus add` finds, and in which order."""

import os
from pathlib import Path
from typing import get_args

import pytest

from app.adding.book_files import find
from app.adding.formats import BEST_FIRST
from app.parsing.parsed import Format


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def found(folder: Path, *words: str) -> list[str]:
    return [
        file.relative_to(folder).as_posix() for file in find([str(folder / word) for word in words]).files
    ]


def test_a_folder_has_its_books_and_those_of_its_folders_in_the_order_of_a_person(tmp_path: Path) -> None:
    make(tmp_path, "Part 10.txt", "part 2.md", "b/c/deep.HTML", "a/one.epub", "a/two.pdf", "three.docx")
    make(tmp_path, "notes.json", "cover.jpg", ".hidden.txt", ".git/readme.md", "~$three.docx", "book.part")
    expected = ["part 2.md", "Part 10.txt", "three.docx", "a/one.epub", "a/two.pdf", "b/c/deep.HTML"]
    assert found(tmp_path, "") == expected


def test_of_a_book_of_calibre_the_format_that_is_read_best_is_taken(tmp_path: Path) -> None:
    make(tmp_path, "metadata.db", "A/One (1)/One - A.pdf", "A/One (1)/One - A.epub", "A/One (1)/metadata.opf")
    make(tmp_path, "A/One (1)/cover.jpg", "A/One (1)/data/notes.txt", "A/One (1)/One - A.mobi")
    make(tmp_path, "B/Two (2)/Two - B.pdf", "B/Two (2)/Two - B.txt", "B/Two (2)/metadata.opf")
    make(tmp_path, "C/Three (3)/Three - C.azw3", "C/Three (3)/metadata.opf")
    # No folder of Calibre: these may be two books.
    make(tmp_path, "D/four.pdf", "D/four.txt")
    books = find([str(tmp_path)])
    assert [file.name for file in books.files] == ["One - A.epub", "Two - B.txt", "four.pdf", "four.txt"]
    assert [folder.name for folder in books.unread] == ["Three (3)"]
    # A shell makes words of a pattern: what is Calibre's own is no book then either.
    words = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("[AB]/*/*.*"))
    assert found(tmp_path, *words) == ["A/One (1)/One - A.epub", "B/Two (2)/Two - B.txt"]
    assert found(tmp_path, "A/One (1)/One - A.pdf") == ["A/One (1)/One - A.pdf"]
    assert sorted(BEST_FIRST) == sorted(get_args(Format))


def test_patterns_fit_files_and_folders(tmp_path: Path) -> None:
    make(tmp_path, "one.txt", "two.epub", "a/three.txt", "a/b/four.txt", "a/.five.txt", "six.json")
    assert found(tmp_path, "*.txt") == ["one.txt"]
    assert found(tmp_path, "**/*.txt") == ["a/b/four.txt", "a/three.txt", "one.txt"]
    assert found(tmp_path, "*") == ["a/three.txt", "a/b/four.txt", "one.txt", "two.epub"]
    assert found(tmp_path, "[ot]*.*") == ["one.txt", "two.epub"]
    make(tmp_path, "[x].txt")
    assert found(tmp_path, "[x].txt") == ["[x].txt"]


def test_each_file_is_found_once_where_it_was_named_first(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "b.txt", "c.txt")
    assert found(tmp_path, "b.txt", "", "*.txt", "b.txt") == ["b.txt", "a.txt", "c.txt"]


def test_a_file_that_is_named_is_taken_whatever_its_name(tmp_path: Path) -> None:
    make(tmp_path, "pg1234", "notes.json", ".hidden.txt")
    assert found(tmp_path, "pg1234", ".hidden.txt", "lost.txt") == ["pg1234", ".hidden.txt", "lost.txt"]


def test_words_that_name_no_book_are_told(tmp_path: Path) -> None:
    make(tmp_path, "empty/notes.json")
    folder, pattern = str(tmp_path / "empty"), str(tmp_path / "*.epub")
    books = find([folder, pattern])
    assert books.files == []
    assert books.missing == {
        folder: "There is no book in this folder.",
        pattern: "No book fits this pattern.",
    }


def test_links_to_folders_are_followed_and_never_in_a_circle(tmp_path: Path) -> None:
    make(tmp_path, "here/one.txt", "there/two.txt")
    (tmp_path / "here" / "link").symlink_to(tmp_path / "there")
    (tmp_path / "there" / "back").symlink_to(tmp_path / "here")
    assert found(tmp_path, "here") == ["here/one.txt", "here/link/two.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_is_closed_is_told(tmp_path: Path) -> None:
    make(tmp_path, "one.txt", "closed/two.txt")
    (tmp_path / "closed").chmod(0)
    try:
        books = find([str(tmp_path)])
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert [file.name for file in books.files] == ["one.txt"]
    assert [folder.name for folder in books.closed] == ["closed"]
