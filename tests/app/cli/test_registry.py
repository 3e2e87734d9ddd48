"""The registry on the command line and in the client, against the peer."""

import re
from pathlib import Path
from typing import Any

import pytest

from app.client import Client, ClientError
from app.schemas import Comparison, MoveAlias, Rollback
from tests.app.cli.runner import bookchorus, files_for
from tests.app.client.examples import book
from tests.app.client.peer import Peer
from tests.app.client.version_examples import harmful, moves
from tests.app.terminal.rendering import line_with

BOOK = book().id


def test_a_promotion_that_is_refused_says_why_and_can_be_forced(peer: Peer) -> None:
    refused = bookchorus("promote", BOOK, "2", peer=peer)
    assert (refused.exit_code, refused.stderr) == (1, "Version 2 is worse than version 1.\n")
    words = ("promote", BOOK, "2", "--force", "--why", "I know better", "--alias", "best")
    forced = bookchorus(*words, peer=peer)
    assert (forced.exit_code, forced.stdout) == (0, "best is version 2 now.\n")
    assert peer.moved == [
        ("champion", MoveAlias(version=2)),
        ("best", MoveAlias(version=2, why="I know better", force=True)),
    ]


def test_a_promotion_of_the_champion_says_that_it_changed_nothing(peer: Peer) -> None:
    result = bookchorus("promote", BOOK, "1", peer=peer)
    assert (result.exit_code, result.stdout) == (0, "champion is version 1 already: nothing was changed.\n")


def test_a_rollback_says_where_the_alias_is_again(peer: Peer) -> None:
    result = bookchorus("rollback", BOOK, "--why", "2 forgot the ending", peer=peer)
    assert (result.exit_code, result.stdout) == (0, "champion is version 1 again.\n")
    assert peer.moved == [("champion", Rollback(why="2 forgot the ending"))]


HARM = (
    "With its members, answers to 5 held-out questions lost .341 of ROUGE-L on average [.033, .667]: they "
    "answer only where an ask says `always`."
)
OTHER = "learned on another LLM: hidden size 16, not 8"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["promote", BOOK, "1"], "champion is version 1 already: nothing was changed."),
        (["promote", BOOK, "2", "--force", "--alias", "best"], "best is version 2 now."),
        (["rollback", BOOK], "champion is version 1 again."),
        (["import", BOOK, "DIR", "--promote"], "Version 3 has 2 members and is champion and latest."),
    ],
)
@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"metrics": harmful()}, HARM),
        ({"refused": OTHER}, f"Its members do not answer: it was {OTHER}."),
        ({"metrics": {"adds": harmful()["adds"] | {"high": 0.001}}}, None),
    ],
)
def test_a_version_that_is_put_in_use_says_that_its_members_will_not_answer(
    peer: Peer, tmp_path: Path, words: list[str], said: str, found: dict[str, Any], why: str | None
) -> None:
    peer.of_versions = found
    typed = [files_for(tmp_path)["DIR"] if word == "DIR" else word for word in words]
    result = bookchorus(*typed, peer=peer)
    assert (result.exit_code, result.stdout.splitlines()) == (0, [said, *([why] if why else [])])
    for_programs = bookchorus(*typed, "--json", peer=peer)
    assert len(for_programs.stdout.splitlines()) == 1
    assert for_programs.stderr == (f"{why}\n" if why else "")


def test_a_version_is_shown_with_the_harm_that_its_members_do(peer: Peer) -> None:
    assert "answers worse" not in bookchorus("show", BOOK, peer=peer).stdout
    peer.of_versions = {"metrics": harmful()}
    shown = bookchorus("show", BOOK, peer=peer, COLUMNS="80").stdout
    assert "-.341 [-.667, -.033]" in line_with(shown, "adds")
    assert HARM in " ".join(shown.replace("│", "").split())


def test_a_history_is_shown_to_its_first_move(peer: Peer) -> None:
    result = bookchorus("history", BOOK, peer=peer)
    assert result.exit_code == 0
    assert "1 ← 2" in result.stdout
    assert "1 → 2" in line_with(result.stdout, "it was [red]right")
    assert "none → 1" in line_with(result.stdout, "version 1 published")
    with Client(peer.url) as client:
        assert client.registry.history(BOOK) == moves()
        assert client.registry.history(BOOK, "champion") == moves()
        assert client.registry.aliases(BOOK) == {"champion": 1}


def test_a_comparison_asks_what_it_is_told(peer: Peer) -> None:
    words = ("compare", BOOK, "1", "latest", "--question", "Who?", "--question", "Where?", "--seed", "7")
    result = bookchorus(*words, peer=peer)
    assert result.exit_code == 0
    told = [line for line in result.stdout.splitlines() if line.startswith("question ") and ":" in line]
    assert told == ["question 1 of 2: Who?", "question 2 of 2: Where?"]
    assert "Where?" in result.stdout.partition("version 1")[2]
    # Which versions these are is settled once, and each question is a call.
    assert [(asked.versions, asked.questions, asked.seed) for asked in peer.compared] == [
        (["1", "latest"], [], 7),
        ([1, 2], ["Who?"], 7),
        ([1, 2], ["Where?"], 7),
    ]


def test_on_a_terminal_a_comparison_says_which_question_is_asked(peer: Peer) -> None:
    words = ("compare", BOOK, "1", "2", "--question", "Who?", "--question", "Where?")
    drawn = bookchorus(*words, peer=peer, TTY_COMPATIBLE="1", TERM="xterm").stdout
    # The last one for sure: those before may be over before anything is drawn. The line is then erased.
    status, erased, report = drawn.rpartition("\x1b[1A\x1b[2K")
    assert erased
    assert "question 2 of 2: Where?" in status
    assert "question 2 of 2" not in report
    # Each behind its spinner: none is a line of its own.
    assert not re.findall(r"(?<! )question \d", status)


def test_a_comparison_asks_the_first_questions_of_the_book(peer: Peer) -> None:
    result = bookchorus("compare", BOOK, "1", "2", "--json", peer=peer)
    assert (result.exit_code, result.stderr) == (0, "")
    found = Comparison.model_validate_json(result.stdout)
    assert [(each.question, each.expected) for each in found.questions] == [
        ("Who was [red]caught?", "A tiger.")
    ] * 3
    assert peer.questions_listed[0]["limit"] == "10"


def test_versions_that_cannot_be_compared_are_refused_before_any_is_asked(peer: Peer) -> None:
    many = [word for number in range(51) for word in ("--question", f"Who {number}?")]
    result = bookchorus("compare", BOOK, "1", "2", *many, peer=peer)
    assert (result.exit_code, len(result.stderr.splitlines()), peer.compared) == (1, 1, [])


def test_one_version_is_shown_with_a_curve_for_each_member(peer: Peer) -> None:
    result = bookchorus("show", BOOK, peer=peer)
    assert result.exit_code == 0
    for words in (
        "The Tiger · version 2",
        "● live",
        "champion, latest",
        "tiny-llm · int8 weights",
        "revision 1 of the text, from version 1",
        "worse than the champion, forced: 3.10 against 2.90 of version 1",
        "members 2, seed 0",
    ):
        assert words in result.stdout
    assert "▇▅▂▁" in line_with(result.stdout, "4.00 → 3.00")
    assert "█▆▃▂" in line_with(result.stdout, "4.20 → 3.10")


def test_pruning_says_what_went(peer: Peer) -> None:
    assert bookchorus("prune", BOOK, "--keep", "2", peer=peer).stdout == "Pruned 1, 2.\n"
    assert bookchorus("prune", BOOK, "--keep", "3", peer=peer).stdout == "There was nothing to prune.\n"
    assert bookchorus("prune", BOOK, "--keep", "0", peer=peer).exit_code == 2


def test_versions_of_one_state(peer: Peer) -> None:
    assert "tiny-llm" in bookchorus("versions", "--state", "live", peer=peer).stdout
    assert "tiny-llm" not in bookchorus("versions", "--state", "pruned", peer=peer).stdout
    assert bookchorus("versions", "--state", "gone", peer=peer).exit_code == 2


def test_a_wish_that_cannot_be_is_one_line(peer: Peer) -> None:
    with Client(peer.url) as client, pytest.raises(ClientError, match="why: "):
        client.registry.rollback(BOOK, why="x" * 501)
    result = bookchorus("promote", BOOK, "0", peer=peer)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)


def test_versions_need_the_key_where_the_service_has_one(peer: Peer) -> None:
    peer.key = "s3cret"
    refused = bookchorus("versions", peer=peer)
    assert (refused.exit_code, refused.stderr) == (1, "This call needs the admin key.\n")
    assert "tiny-llm" in bookchorus("versions", peer=peer, BOOKCHORUS_ADMIN_KEY="s3cret").stdout
    assert "tiny-llm" in bookchorus("versions", "--key", "s3cret", peer=peer).stdout
