"""The commands that look after what is kept, on real databases and without a service."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text, update
from typer.testing import CliRunner, Result

from app.cli.commands import app
from app.parsing.text.headings import chapters
from store import books
from store.database import Database
from store.editions import Edition
from store.segmentation import passages
from store.tables import Passage
from tests.databases import new_database
from tests.postgres import Server
from tests.tiny import STORY


def bookchorus(*words: str | Path, **variables: str) -> Result:
    environment = {"BOOKCHORUS_DATABASE_URL": None, "BOOKCHORUS_DATA_DIR": None, "COLUMNS": "200"}
    return CliRunner().invoke(
        app, [str(word) for word in words], env={**environment, **variables}, catch_exceptions=False
    )


def titles(place: str | Path) -> list[str]:
    database = Database(place)
    with database.read() as session:
        found = [book.title for book in books.list_books(session)[0]]
    database.close()
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with one book of a few passages, and no index yet."""
    folder = tmp_path / "data"
    folder.mkdir()
    database = new_database(folder / "bookchorus.db")
    spans = chapters(STORY, "md")
    edition = Edition(
        STORY,
        hashlib.sha256(STORY.encode()).hexdigest(),
        spans,
        passages(STORY, spans, lambda piece: len(piece.split()), 20),
    )
    with database.write() as session:
        books.add(session, edition, title="Lamp")
    database.close()
    return folder


def test_a_library_is_rebuilt_verified_kept_and_put_back(data: Path, tmp_path: Path) -> None:
    at = ("--data-dir", data)
    before = bookchorus("verify", *at)
    assert before.exit_code == 1
    assert "● index  The index is missing." in before.stdout
    # Its passages wait for their vectors, which is no damage.
    assert "● vector" not in before.stdout
    assert "Run: bookchorus rebuild" in before.stdout
    told = bookchorus("verify", "--json", *at)
    assert told.exit_code == 1
    damage = json.loads(told.stdout)
    assert (damage["whole"], damage["findings"][0]["what"]) == (False, "The index is missing.")
    assert "passages." in bookchorus("rebuild", *at).stdout
    whole = bookchorus("verify", *at)
    assert (whole.exit_code, whole.stdout) == (0, "Nothing is wrong.\n")

    kept = bookchorus("backup", tmp_path / "kept.db", *at)
    assert kept.exit_code == 0
    assert "kept.db (" in kept.stdout
    again = bookchorus("backup", tmp_path / "kept.db", *at)
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr.endswith("kept.db is there already: give another name, or --force to replace it.\n")
    refused = bookchorus("backup", tmp_path / "kept.db", "--json", *at)
    assert json.loads(refused.stderr)["detail"] == again.stderr.removesuffix("\n")
    kept = bookchorus("backup", tmp_path / "kept.db", "--force", "--json", *at)
    size = (tmp_path / "kept.db").stat().st_size
    assert json.loads(kept.stdout) == {"file": str(tmp_path / "kept.db"), "bytes": size}

    there = ("--data-dir", tmp_path / "there")
    restored = bookchorus("restore", tmp_path / "kept.db", *there)
    assert restored.exit_code == 0, restored.stderr
    assert "1 books are in sqlite:///" in restored.stdout
    assert bookchorus("verify", *there).exit_code == 0
    refused = bookchorus("restore", tmp_path / "kept.db", *there)
    assert refused.exit_code == 1
    assert "not empty" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert bookchorus("restore", tmp_path / "kept.db", "--force", *there).exit_code == 0


def test_from_sqlite_to_postgresql_and_back(data: Path, tmp_path: Path, server: Server) -> None:
    with server.database() as url:
        bookchorus("backup", tmp_path / "kept.db", "--data-dir", data)
        there = {"BOOKCHORUS_DATABASE_URL": url, "BOOKCHORUS_DATA_DIR": str(tmp_path / "there")}
        restored = bookchorus("restore", tmp_path / "kept.db", **there)
        assert restored.exit_code == 0, restored.stderr
        assert titles(url) == ["Lamp"]
        assert bookchorus("verify", **there).stdout == "Nothing is wrong.\n"
        assert bookchorus("backup", tmp_path / "again.db", **there).exit_code == 0
        back = ("--data-dir", tmp_path / "back")
        assert bookchorus("restore", tmp_path / "again.db", *back).exit_code == 0
        assert bookchorus("verify", *back).exit_code == 0
        assert not (tmp_path / "there" / "bookchorus.db").exists()


def test_what_is_wrong_is_shown_with_how_to_mend_it(data: Path) -> None:
    bookchorus("rebuild", "--data-dir", data)
    database = Database(f"sqlite:///{data / 'bookchorus.db'}")
    with database.write() as session:
        session.execute(update(Passage).where(Passage.ordinal == 1).values(start=Passage.start + 1))
    database.close()
    found = bookchorus("verify", "--data-dir", data)
    assert found.exit_code == 1
    [what, mend, end] = found.stdout.splitlines()
    assert what.startswith("● text  Book book_")
    assert "passages do not say what stands in the text, the first is passage 1" in what
    assert mend.strip() == "Restore a backup, or remove the book and upload it again."
    assert end == "1 findings."


# Signs that end or change a URL, that are markup, and that are not ASCII.
FOLDERS = ["what?mode=memory", "100% of it %20x", "part #2", "Bücher für Åse", "[bold]'a\"b'", "file:x"]


@pytest.mark.parametrize("name", FOLDERS)
def test_all_is_kept_in_the_folder_that_is_named(data: Path, tmp_path: Path, name: str) -> None:
    kept, folder = tmp_path / "kept" / name, tmp_path / "there" / name
    kept.mkdir(parents=True)
    assert bookchorus("backup", kept / name, "--data-dir", data).exit_code == 0
    restored = bookchorus("restore", kept / name, "--data-dir", folder)
    assert restored.exit_code == 0, restored.stderr
    assert bookchorus("rebuild", "--data-dir", folder).exit_code == 0
    assert bookchorus("verify", "--data-dir", folder).stdout == "Nothing is wrong.\n"
    assert bookchorus("backup", kept / "again.db", "--data-dir", folder).exit_code == 0
    assert titles(folder / "bookchorus.db") == titles(kept / "again.db") == ["Lamp"]
    assert [one.name for one in folder.parent.iterdir()] == [name]
    assert {one.name for one in folder.iterdir()} >= {"bookchorus.db", "index"}
    assert sorted(one.name for one in kept.iterdir()) == sorted([name, "again.db"])
    assert {one.name for one in tmp_path.iterdir()} == {"data", "kept", "there"}


@pytest.mark.parametrize("command", [("backup", "FILE"), ("verify",), ("rebuild",)])
def test_without_a_database_none_is_made(tmp_path: Path, command: tuple[str, ...]) -> None:
    words = [str(tmp_path / word) if word == "FILE" else word for word in command]
    result = bookchorus(*words, "--data-dir", tmp_path / "none")
    assert result.exit_code == 1
    assert result.stderr == f"There is no database at {tmp_path / 'none' / 'bookchorus.db'}.\n"
    assert list(tmp_path.rglob("*.db")) == []


def test_what_cannot_be_is_one_line(data: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("No backup.")
    older = Database(f"sqlite:///{data / 'bookchorus.db'}")
    for words, variables, said in (
        (("restore", tmp_path / "notes.txt"), {}, "notes.txt is no backup, or a damaged one"),
        (("restore", tmp_path / "none"), {}, "There is no file"),
        (("backup", tmp_path / "none" / "kept.db"), {}, "none"),
        (("verify",), {"BOOKCHORUS_DATABASE_URL": "postgresql://127.0.0.1:9/books"}, "cannot be reached"),
        (("verify",), {"BOOKCHORUS_DATABASE_URL": "books.db"}, "BOOKCHORUS_DATABASE_URL: The database's URL"),
    ):
        result = bookchorus(*words, BOOKCHORUS_DATA_DIR=str(data), **variables)
        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1), result.stderr
        assert said in result.stderr
    with older.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    older.close()
    for command in ("verify", "rebuild"):
        result = bookchorus(command, "--data-dir", data)
        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
        assert "are of revision 0001" in result.stderr


def test_neither_the_llm_nor_the_server_is_loaded(data: Path, tmp_path: Path) -> None:
    script = f"""
import sys
from app.cli.commands import app
for words in (["backup", {str(tmp_path / "kept.db")!r}], ["verify"]):
    try:
        app([*words, "--data-dir", {str(data)!r}])
    except SystemExit:
        pass
print(sorted({{"torch", "transformers", "fastapi", "uvicorn"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout
