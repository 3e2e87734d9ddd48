import io
import struct
import zipfile
from collections.abc import Callable

import pytest

from app.parsing import archive
from app.parsing.archive import Archive
from app.parsing.parsed import ParseError
from app.transfer.zip_archive import unpacked
from tests import files


def refusal(do: Callable[[], object]) -> tuple[str, dict[str, int]]:
    with pytest.raises(ParseError) as refused:
        do()
    return refused.value.slug, refused.value.limits


def with_entry(name: str, content: bytes = b"x", *, mode: int = 0o644) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        made.writestr(entry, content)
    return buffer.getvalue()


def test_entries_are_read() -> None:
    found = Archive(files.zipped({"a.txt": "A", "b/c.txt": "x" * 100_000}))
    assert found.names == ["a.txt", "b/c.txt"]
    assert "a.txt" in found
    assert (found.read("a.txt"), len(found.read("b/c.txt"))) == (b"A", 100_000)
    assert refusal(lambda: found.read("none")) == ("unreadable-book", {})


@pytest.mark.parametrize(
    "data",
    [
        with_entry("../outside.txt"),
        with_entry("a/../../outside.txt"),
        with_entry("/etc/passwd"),
        with_entry("..\\outside.txt"),
        with_entry("C:\\boot.ini"),
        with_entry("link", b"/etc/passwd", mode=0o120777),
        files.zipped({"a": "1"})[:-30],
    ],
    ids=["parent", "inner", "absolute", "backslash", "drive", "link", "cut"],
)
def test_what_leads_outside_is_refused(data: bytes) -> None:
    assert refusal(lambda: Archive(data))[0] == "bad-archive"


def test_encrypted_entries_are_refused() -> None:
    data = bytearray(with_entry("a.txt"))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert refusal(lambda: Archive(bytes(data)))[0] == "bad-archive"


@pytest.mark.parametrize(("first", "last", "doubled"), [("1", "2", {"a"}), ("1", "1", set())])
def test_of_entries_with_one_name_the_last_counts(first: str, last: str, doubled: set[str]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("a", first)
        with pytest.warns(UserWarning, match="Duplicate"):
            made.writestr("a", last, zipfile.ZIP_DEFLATED)
    found = Archive(buffer.getvalue())
    assert (found.read("a"), found.names, found.doubled) == (last.encode(), ["a"], doubled)
    if doubled:
        # Which of two weights a version is made of is not for the archive to say.
        assert refusal(lambda: unpacked(buffer.getvalue(), most_entries=9, most_bytes=99))[0] == "bad-archive"


@pytest.mark.parametrize(
    ("kept", "named"),
    [("a/B.txt", "a/b.txt"), ("a\\b.txt", "a/b.txt"), ("./a/b.txt", "a/b.txt"), ("a/b.txt", "/a/./b.txt")],
)
def test_an_entry_is_found_by_what_its_name_means(kept: str, named: str) -> None:
    assert Archive(with_entry(kept)).read(named) == b"x"


def test_a_name_in_utf8_needs_no_flag() -> None:
    data = with_entry("gZZlle.txt").replace(b"gZZlle", "gülle".encode())
    assert Archive(data).names == ["gülle.txt"]


def test_a_bomb_is_not_unpacked() -> None:
    bomb = Archive(files.zipped({"a": b"\0" * 30_000_000}))
    assert refusal(lambda: bomb.read("a")) == ("archive-too-large", {"limit_ratio": archive.MOST_RATIO})
    declared = files.zipped({"a": b"\0" * (archive.MOST_ENTRY_BYTES + 1)})
    assert refusal(lambda: Archive(declared)) == (
        "archive-too-large",
        {"limit_bytes": archive.MOST_ENTRY_BYTES},
    )
    many = files.zipped({str(number): b"\0" * 45_000_000 for number in range(5)})
    assert refusal(lambda: Archive(many)) == ("archive-too-large", {"limit_bytes": archive.MOST_BYTES})


def test_too_many_entries_are_refused() -> None:
    many = files.zipped({str(number): b"" for number in range(archive.MOST_ENTRIES + 1)})
    assert refusal(lambda: Archive(many)) == ("archive-too-large", {"limit_entries": archive.MOST_ENTRIES})


def test_a_directory_that_lies_about_a_size_is_found_out() -> None:
    data = bytearray(files.zipped({"a": "What is in it is longer than ten bytes."}))
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<I", data, data.index(signature) + offset, 10)
    assert refusal(lambda: Archive(bytes(data)).read("a")) == ("archive-too-large", {"limit_bytes": 10})


def test_a_flipped_byte_is_damage() -> None:
    data = bytearray(files.zipped({"a": "Some words that are packed here."}))
    data[35] ^= 0xFF
    assert refusal(lambda: Archive(bytes(data)).read("a"))[0] == "bad-archive"
