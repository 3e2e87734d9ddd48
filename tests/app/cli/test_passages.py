"""The command passage, against the peer."""

import pytest

from tests.app.cli.runner import bookchorus
from tests.app.client.peer import Peer
from tests.app.terminal.rendering import line_with


def test_a_passage_is_shown_by_the_id_that_an_answer_names(peer: Peer) -> None:
    answered = bookchorus("ask", "Who?", peer=peer).stdout
    named = line_with(answered, " · id ").split(" · id ")[1].split()[0]
    assert "bookchorus passage ID" in answered
    result = bookchorus("passage", named, peer=peer)
    assert result.exit_code == 0
    for words in ("The Tiger", "The Trap", "characters 1,044 to 1,098", "a tiger was caught in a trap."):
        assert words in result.stdout
    assert peer.calls[-1] == ("GET", "/passages/1")


@pytest.mark.parametrize("number", ["2", "0", "99999999999"])
def test_an_id_that_is_not_there_is_one_line(peer: Peer, number: str) -> None:
    result = bookchorus("passage", number, peer=peer)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"There is no passage {number}.\n"


def test_what_is_no_id_is_a_wrong_use(peer: Peer) -> None:
    for words in (["passage"], ["passage", "The Tiger"], ["passage", "1", "2"]):
        result = bookchorus(*words, peer=peer)
        assert (result.exit_code, peer.calls) == (2, [])
        assert "ID" in result.stderr or "Too many words: 2." in result.stderr
