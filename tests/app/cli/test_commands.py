import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from app.cli import app
from app.client import Client
from app.terminal.training import watch
from tests.app.client.peer import Peer, book, job


def bookchorus(*words: str, peer: Peer | None = None, **variables: str) -> Result:
    address = {"BOOKCHORUS_URL": peer.url} if peer else {}
    environment = {"BOOKCHORUS_ADMIN_KEY": None, "COLUMNS": "100", **address, **variables}
    return CliRunner().invoke(app, list(words), env=environment, catch_exceptions=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiger.md"
    path.write_text("# The Trap\n\nA tiger was caught.\n")
    return path


def test_help_names_every_command() -> None:
    text = bookchorus("--help").output
    assert re.findall(r"^│ (\w+)  ", text, re.MULTILINE) == [
        "serve",
        "add",
        "train",
        "ask",
        "books",
        "prompts",
        "demo",
        "eval",
        "backup",
        "restore",
        "verify",
        "rebuild",
        "export",
        "import",
        "inspect",
        "show",
        "promote",
        "rollback",
        "history",
        "compare",
        "prune",
        "skill",
        "bench",
    ]


def test_ask_shows_the_answer_the_votes_and_the_passage(peer: Peer) -> None:
    result = bookchorus("ask", "Who was caught?", "--book", "book_1", "--book", "book_2@latest", peer=peer)
    assert result.exit_code == 0
    for words in (
        "Who was caught?",
        "A tiger.",
        "75%",
        "members 1, 2, 4",
        "“Once upon a time",
        "1,044 to 1,098",
    ):
        assert words in result.stdout
    assert peer.asked[0].books == ["book_1", "book_2@latest"]


def test_ask_can_be_limited_to_authors_and_tags(peer: Peer) -> None:
    words = ("--author", "Jacobs", "--author", "Émile Ost", "--tag", "animals")
    assert bookchorus("ask", "Who?", *words, peer=peer).exit_code == 0
    assert bookchorus("ask", "Who?", peer=peer).exit_code == 0
    scopes = [(asked.authors, asked.tags) for asked in peer.asked]
    assert scopes == [(["Jacobs", "Émile Ost"], ["animals"]), (None, None)]
    both = bookchorus("ask", "Who?", "--book", "book_1", *words, peer=peer)
    assert (both.exit_code, len(both.stderr.splitlines())) == (1, 1)
    assert both.stderr.startswith("books and a scope")


def test_add_sends_tags(peer: Peer, file: Path) -> None:
    result = bookchorus("add", str(file), "--no-wait", "--tag", "animals", "--tag", "short", peer=peer)
    assert result.exit_code == 0
    assert peer.uploads[0]["tags"] == "animals,short"


def test_a_problem_is_one_line_on_standard_error(peer: Peer) -> None:
    result = bookchorus("ask", "  ", peer=peer)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "The question is empty: write one.\n"


def test_without_a_service_it_says_how_to_start_one() -> None:
    result = bookchorus("books", "--url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert result.stderr == "No service answers at http://127.0.0.1:9. Start one with: bookchorus serve\n"


def test_books_are_listed(peer: Peer) -> None:
    peer.shelf = [book(number, title=f"Tale {number}") for number in range(3)]
    result = bookchorus("books", peer=peer)
    assert result.exit_code == 0
    assert all(f"Tale {number}" in result.stdout for number in range(3))


def test_prompts_need_the_key_where_the_service_has_one(peer: Peer) -> None:
    peer.key = "s3cret"
    refused = bookchorus("prompts", peer=peer)
    assert (refused.exit_code, refused.stderr) == (1, "This call needs the admin key.\n")
    assert "tiny-llm" in bookchorus("prompts", peer=peer, BOOKCHORUS_ADMIN_KEY="s3cret").stdout
    assert "tiny-llm" in bookchorus("prompts", "--admin-key", "s3cret", peer=peer).stdout


def test_add_follows_the_training_to_its_end(peer: Peer, file: Path) -> None:
    result = bookchorus("add", str(file), "--recipe", '{"budget_seconds": 9}', peer=peer)
    assert result.exit_code == 0, result.output
    told = (
        "7 passages in 1 chapters",
        "step 2/2 · loss 3.00",
        "what the members gained",
        "Version 1 is learned",
    )
    places = [result.stdout.index(words) for words in told]
    assert places == sorted(places)
    assert peer.uploads[0]["recipe"] == '{"budget_seconds": 9}'


def test_train_asks_for_another_version_and_follows_it(peer: Peer) -> None:
    words = ("--parent", "3", "--append", "--recipe", '{"virtual_tokens": 20}', "--force")
    result = bookchorus("train", "book_1", *words, peer=peer)
    assert result.exit_code == 0, result.output
    [wish] = peer.trained
    assert (wish.parent, wish.force) == (3, True)
    assert wish.recipe == {"virtual_tokens": 20, "append": True}
    told = ("step 2/2 · loss 3.00", "as the champion", "what the members gained", "Version 1 is learned")
    places = [result.stdout.index(words) for words in told]
    assert places == sorted(places)
    assert bookchorus("train", "book_1", "--no-wait", peer=peer).stdout == "Job job_1 is queued.\n"
    assert peer.trained[1].model_dump() == {"recipe": None, "parent": None, "force": False}


def test_on_a_terminal_it_is_told_at_the_end_what_has_become_of_the_version(peer: Peer) -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100)
    with Client(peer.url) as client:
        watch(console, client, job(), "The Tiger")
    assert isinstance(console.file, StringIO)
    _, _, end = console.file.getvalue().partition("what the members gained")
    assert "Published version 1 as the champion: the book had none." in end


def test_add_sends_a_new_edition(peer: Peer, file: Path) -> None:
    assert bookchorus("add", str(file), "--revises", "book_1", peer=peer).exit_code == 0
    assert peer.uploads[0]["revises"] == "book_1"


def test_add_can_leave_the_training_to_the_service(peer: Peer, file: Path) -> None:
    result = bookchorus("add", str(file), "--no-wait", peer=peer)
    assert result.exit_code == 0
    assert "Job job_1 is queued." in result.stdout
    assert peer.followed_from == []


def test_add_of_a_book_that_is_there_does_not_wait(peer: Peer, file: Path) -> None:
    peer.state = "ready"
    result = bookchorus("add", str(file), peer=peer)
    assert result.exit_code == 0
    assert "is here already: ready" in result.stdout


@pytest.mark.parametrize(
    ("end", "words"),
    [("failed", "Learning The Tiger failed: no memory left"), ("cancelled", "was cancelled")],
)
def test_add_fails_where_the_training_does(peer: Peer, file: Path, end: str, words: str) -> None:
    peer.end = "failed" if end == "failed" else "cancelled"
    result = bookchorus("add", str(file), peer=peer)
    assert result.exit_code == 1
    assert words in result.stderr


@pytest.mark.parametrize("recipe", ["{", "[1]", "12"])
def test_a_recipe_that_is_no_object_is_refused(peer: Peer, file: Path, recipe: str) -> None:
    result = bookchorus("add", str(file), "--recipe", recipe, peer=peer)
    assert result.exit_code == 2
    assert "--recipe" in result.stderr
    assert peer.uploads == []


def test_serve_names_a_wrong_setting_in_one_line() -> None:
    result = bookchorus("serve", "--device", "tpu")
    assert result.exit_code == 1
    assert result.stderr.startswith("BOOKCHORUS_DEVICE: expected")
    assert len(result.stderr.splitlines()) == 1


def test_client_commands_load_neither_the_llm_nor_the_server() -> None:
    script = """
import sys
from app.cli import app
try:
    app(["ask", "Who?", "--url", "http://127.0.0.1:9"])
except SystemExit:
    pass
heavy = {"torch", "transformers", "fastapi", "uvicorn", "sqlalchemy", "faiss", "numpy"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert "bookchorus serve" in done.stderr
