import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

from app.cli.ask import ask
from app.schemas import MembersChoice
from tests.app.cli.runner import bookchorus
from tests.app.client.examples import book
from tests.app.client.peer import Peer


def test_ask_shows_the_answer_the_votes_and_the_passage(peer: Peer) -> None:
    one, other = book(1).id, book(2).id
    result = bookchorus(
        "ask", "Who was caught?", "--book", one, "--book", f"{other}@latest", "--votes", peer=peer
    )
    assert result.exit_code == 0
    for words in (
        "Who was caught?",
        "A tiger.",
        "75%",
        "1, 2, 4",
        "“Once upon a time",
        "1,044 to 1,098",
    ):
        assert words in result.stdout
    assert peer.asked[0].books == [one, f"{other}@latest"]


def test_ask_can_be_limited_to_authors_and_tags(peer: Peer) -> None:
    words = ("--author", "Jacobs", "--author", "Émile Ost", "--tag", "animals")
    assert bookchorus("ask", "Who?", *words, peer=peer).exit_code == 0
    result = bookchorus("ask", "Who?", peer=peer)
    assert result.exit_code == 0
    assert "1, 2, 4" not in result.stdout  # who said what is shown where it is asked for
    scopes = [(asked.authors, asked.tags) for asked in peer.asked]
    assert scopes == [(["Jacobs", "Émile Ost"], ["animals"]), (None, None)]
    both = bookchorus("ask", "Who?", "--book", book().id, *words, peer=peer)
    assert (both.exit_code, len(both.stderr.splitlines())) == (1, 1)
    assert both.stderr.startswith("books and a scope")


def test_ask_leaves_to_the_service_when_to_decline_unless_told(peer: Peer) -> None:
    for words in ((), ("--min-confidence", "0"), ("--min-confidence", "0.3")):
        assert bookchorus("ask", "Who?", *words, peer=peer).exit_code == 0
    assert [asked.min_confidence for asked in peer.asked] == [None, 0, 0.3]


def test_ask_says_whether_members_answer(peer: Peer) -> None:
    for words in ((), ("--members", "never"), ("--members", "always")):
        assert bookchorus("ask", "Who?", *words, peer=peer).exit_code == 0
    assert [asked.members for asked in peer.asked] == ["auto", "never", "always"]
    assert bookchorus("ask", "Who?", "--members", "some", peer=peer).exit_code == 2


def test_ask_begins_a_thread_tells_its_id_and_goes_on_in_it(peer: Peer) -> None:
    begun = bookchorus("ask", "Who?", "--thread", "new", peer=peer)
    assert begun.stdout.splitlines()[-1] == "thread thread_1"
    follow_up = bookchorus("ask", "Why?", "--thread", "thread_1", peer=peer)
    assert "thread_1" not in follow_up.stdout
    assert [asked.thread for asked in peer.asked] == ["new", "thread_1"]


def test_a_problem_is_one_line_on_standard_error(peer: Peer) -> None:
    result = bookchorus("ask", "  ", peer=peer)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "The question is empty: write one.\n"


def test_client_commands_load_neither_the_llm_nor_the_server(tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(name)
    script = """
import sys
from app.cli.commands import app
heavy = {"torch", "transformers", "fastapi", "uvicorn", "sqlalchemy", "faiss", "numpy"}
calls = ["--help"], ["ask", "Who?"], ["books"], ["versions"], ["show", "A book"], ["train", "A book"]
for words in (*calls, ["add", sys.argv[1]], ["add", sys.argv[1] + "/one.txt", "--recipe", "{}"]):
    asks = words != ["--help"]
    try:
        app([*words, "--url", "http://127.0.0.1:9"] if asks else words)
    except SystemExit:
        pass
    # Help asks no service, and needs none of its shapes.
    loaded = heavy if asks else {*heavy, "pydantic", "httpx"}
    if asks:
        from app.adding import watch
    print("loaded", words[0], sorted(loaded & set(sys.modules)), file=sys.stderr)
"""
    line = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    told = [line for line in done.stderr.splitlines() if line.startswith("loaded")]
    assert told == [
        f"loaded {name} []" for name in ("--help", "ask", "books", "versions", "show", "train", "add", "add")
    ]
    assert done.stderr.count("bookchorus serve") == 7


def test_the_choices_of_members_are_those_of_the_api() -> None:
    chosen = get_type_hints(ask)["members"]
    assert get_args(chosen) == get_args(MembersChoice)
