"""The registry on the command line and in the client, against the peer, and what a person must see of it."""

import pytest

from app.client import Client, ClientError
from app.schemas import MoveAlias, Rollback
from app.terminal import versions
from tests.app.cli.test_commands import bookchorus
from tests.app.client.peer import Peer, book, comparison, measured, moves, prompt
from tests.app.terminal.test_answers import line_with, shown


def test_a_promotion_that_is_refused_says_why_and_can_be_forced(peer: Peer) -> None:
    refused = bookchorus("promote", "book_1", "2", peer=peer)
    assert (refused.exit_code, refused.stderr) == (1, "Version 2 is worse than version 1.\n")
    words = ("promote", "book_1", "2", "--force", "--why", "I know better", "--alias", "best")
    forced = bookchorus(*words, peer=peer)
    assert (forced.exit_code, forced.stdout) == (0, "best is version 2 now.\n")
    assert peer.moved == [
        ("champion", MoveAlias(version=2)),
        ("best", MoveAlias(version=2, why="I know better", force=True)),
    ]


def test_a_rollback_says_where_the_alias_is_again(peer: Peer) -> None:
    result = bookchorus("rollback", "book_1", "--why", "2 forgot the ending", peer=peer)
    assert (result.exit_code, result.stdout) == (0, "champion is version 1 again.\n")
    assert peer.moved == [("champion", Rollback(why="2 forgot the ending"))]


def test_a_history_is_shown_to_its_first_move(peer: Peer) -> None:
    result = bookchorus("history", "book_1", peer=peer)
    assert result.exit_code == 0
    assert "2 ↶ 1" in result.stdout
    assert "1 → 2" in line_with(result.stdout, "it was [red]right")
    assert "none → 1" in line_with(result.stdout, "version 1 published")
    with Client(peer.url) as client:
        assert client.registry.history("book_1") == moves()
        assert client.registry.history("book_1", "champion") == moves()
        assert client.registry.aliases("book_1") == {"champion": 1}
    assert "No alias was moved" in shown(versions.moves_table([]))


def test_a_comparison_asks_what_it_is_told(peer: Peer) -> None:
    words = ("compare", "book_1", "1", "latest", "--question", "Who?", "--question", "Where?", "--seed", "7")
    result = bookchorus(*words, peer=peer)
    assert result.exit_code == 0
    assert "Where?" in result.stdout
    (asked,) = peer.compared
    assert (asked.versions, asked.questions, asked.seed) == (["1", "latest"], ["Who?", "Where?"], 7)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_two_versions_side_by_side(width: int) -> None:
    text = shown(versions.comparison_sheet(comparison()), width)
    assert "version 1 (champion, latest)" in " ".join(text.split())
    assert line_with(text, "held-out loss").split()[-2:] == ["3.05", "3.15"]
    assert line_with(text, "member 2").split()[-2:] == ["3.10", "3.20"]
    assert line_with(text, "recipe seed").split()[-2:] == ["0", "5"]
    assert line_with(text, "metric seconds").split()[-2:] == ["12.35", "none"]
    assert "A tiger.  75%" in line_with(text, "Who was caught?")
    assert "no answer  10%" in line_with(text, "Who was caught?")
    assert "written: The tiger" in text


def test_one_version_is_shown_with_a_curve_for_each_member(peer: Peer) -> None:
    result = bookchorus("show", "book_1", peer=peer)
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


def test_what_is_amiss_with_a_version_is_shown() -> None:
    worst = measured().model_copy(
        update={"state": "pruned", "pruned": True, "refused": "learned on another LLM"}
    )
    text = shown(versions.version_sheet(worst))
    assert "● pruned" in text
    assert "learned on another LLM" in line_with(text, "refused")
    damaged = [member.model_copy(update={"damaged": True, "curve": None}) for member in prompt().members]
    text = shown(versions.version_sheet(prompt().model_copy(update={"members": damaged, "aliases": []})))
    assert text.count("damaged") == 2


def test_pruning_says_what_went(peer: Peer) -> None:
    assert bookchorus("prune", "book_1", "--keep", "2", peer=peer).stdout == "Pruned 1, 2.\n"
    assert bookchorus("prune", "book_1", "--keep", "3", peer=peer).stdout == "There was nothing to prune.\n"
    assert bookchorus("prune", "book_1", "--keep", "0", peer=peer).exit_code == 2


def test_prompts_of_one_state(peer: Peer) -> None:
    assert "tiny-llm" in bookchorus("prompts", "--state", "live", peer=peer).stdout
    assert "tiny-llm" not in bookchorus("prompts", "--state", "pruned", peer=peer).stdout
    assert bookchorus("prompts", "--state", "gone", peer=peer).exit_code == 2


def test_a_book_is_named_by_its_title_where_one_has_it(peer: Peer) -> None:
    peer.shelf = [book(1, title="The Tiger"), book(2, title="The Jackal"), book(3, title="The jackal")]
    assert bookchorus("show", "the tiger", peer=peer).exit_code == 0
    unknown = bookchorus("show", "The Lion", peer=peer)
    assert (unknown.exit_code, len(unknown.stderr.splitlines())) == (1, 1)
    assert "bookchorus books" in unknown.stderr
    several = bookchorus("show", "The Jackal", peer=peer)
    assert several.exit_code == 1
    assert f"{book(2).id} or {book(3).id}" in several.stderr


def test_a_wish_that_cannot_be_is_one_line(peer: Peer) -> None:
    with Client(peer.url) as client, pytest.raises(ClientError, match="why: "):
        client.registry.rollback("book_1", why="x" * 501)
    result = bookchorus("promote", "book_1", "0", peer=peer)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
