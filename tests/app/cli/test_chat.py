"""The command chat: on a terminal, and with its questions in a file."""

import os
import pty
import subprocess
import sys

import pytest

from app.schemas import Answer
from tests.app.cli.runner import bookchorus
from tests.app.client.examples import book
from tests.app.client.peer import Peer

# What a terminal sends at the end of the input.
CTRL_D = b"\x04"


def test_each_line_of_the_input_is_a_question(peer: Peer) -> None:
    peer.shelf = [book(title="The Tiger")]
    result = bookchorus("chat", "the t@2", peer=peer, typed="Who was caught?\n\n  By whom?\n")
    assert (result.exit_code, result.stdout.count("A tiger.")) == (0, 2)
    assert [(asked.question, asked.books, asked.thread) for asked in peer.asked] == [
        ("Who was caught?", [f"{book().id}@2"], "new"),
        ("By whom?", [f"{book().id}@2"], "thread_1"),
    ]


def test_with_json_each_line_is_an_answer(peer: Peer) -> None:
    result = bookchorus("chat", "--json", peer=peer, typed="Who?\nWhere?\n")
    assert (result.exit_code, result.stderr) == (0, "")
    answers = [Answer.model_validate_json(line) for line in result.stdout.splitlines()]
    assert [answer.question for answer in answers] == ["Who?", "Where?"]
    assert [asked.books for asked in peer.asked] == [None, None]


def test_after_a_question_that_fails_the_next_is_asked(peer: Peer) -> None:
    result = bookchorus("chat", peer=peer, typed="Break off?\nWho?\n")
    assert (result.exit_code, result.stderr) == (1, "The service is shutting down.\n")
    assert "A tiger." in result.stdout
    lost = bookchorus("chat", "--url", "http://127.0.0.1:9", typed="Who?\nWhere?\n")
    assert (lost.exit_code, len(lost.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize("end", [b"\n", CTRL_D])
def test_on_a_terminal_it_asks_until_an_empty_line_or_ctrl_d(peer: Peer, end: bytes) -> None:
    screen, side = pty.openpty()
    call = [sys.executable, "-m", "app.cli", "chat", "--url", peer.url]
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm"}
    shown = b""

    def read_to(words: bytes) -> None:
        nonlocal shown
        while words not in shown:
            shown += os.read(screen, 4096)
        shown = shown.partition(words)[2]

    with subprocess.Popen(call, stdin=side, stdout=side, stderr=side, env=environment) as process:
        os.close(side)
        for question in (b"Who was caught?", b"By whom?"):
            read_to(b"? ")
            os.write(screen, question + b"\n")
            read_to(b"1.2 s")
        read_to(b"? ")
        os.write(screen, end)
    os.close(screen)
    assert process.returncode == 0
    assert [asked.question for asked in peer.asked] == ["Who was caught?", "By whom?"]
