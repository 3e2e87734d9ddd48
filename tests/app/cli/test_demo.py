import io
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from app.cli.child_process import Child
from app.cli.demo import free_port
from app.cli.tour import RECIPE, tour
from app.client import Client, ClientError
from app.errors import CommandError
from tests.app.client.peer import Peer

ROOT = Path(__file__).parents[3]


def shown(peer: Peer) -> str:
    console = Console(record=True, width=100, file=io.StringIO())
    with Client(peer.url) as client:
        tour(console, client)
    return console.export_text()


def test_the_tour_learns_the_sample_book_and_asks_it_three_questions(peer: Peer) -> None:
    text = shown(peer)
    (upload,) = peer.uploads
    assert upload["title"] in text
    assert "held-out loss, before → after learning" in text
    assert len(peer.asked) == 3
    assert all(asked.question in text for asked in peer.asked)
    assert text.count("expected") == 3
    assert "tiny-llm" in text


def test_the_second_tour_goes_straight_to_the_questions(peer: Peer) -> None:
    peer.state = "ready"
    assert "learned already" in shown(peer)
    assert peer.followed_from == []
    assert len(peer.asked) == 3


def test_a_book_whose_training_came_to_nothing_is_learned_again(peer: Peer) -> None:
    peer.state = "untrained"
    shown(peer)
    assert [wish.recipe for wish in peer.trained] == [RECIPE]
    assert peer.followed_from == [None]


def test_a_tour_whose_training_fails_fails(peer: Peer) -> None:
    peer.end = "failed"
    with pytest.raises(ClientError, match="no memory left"):
        shown(peer)


def test_another_port_is_taken_where_8000_is_in_use() -> None:
    with socket.socket() as taken:
        # Connections that ended a moment ago keep a port from being bound, but not from being free.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8000))
            taken.listen()
        except OSError:
            pass  # Somebody else holds it, which is as good.
        assert free_port() not in (0, 8000)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_a_child_serves_while_it_is_wanted_and_no_longer(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, str(ROOT / "tests/app/client/peer.py"), str(port)]
    with (
        Client(f"http://127.0.0.1:{port}") as client,
        Child(command, tmp_path / "log", environment()) as child,
    ):
        child.wait_ready(client)
        assert client.ask("Who?").answer == "A tiger."
        child.stop()
        assert child.ended
        with pytest.raises(ClientError, match="bookchorus serve"):
            client.ready()


def test_a_child_ends_when_its_user_fails(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(ZeroDivisionError), Child(command, tmp_path / "log", environment()) as child:
        raise ZeroDivisionError
    assert child.ended


def test_a_child_that_does_not_start_tells_its_last_lines(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "print(*range(100), sep='\\n', flush=True); raise SystemExit('no such model')",
    ]
    with (
        Client("http://127.0.0.1:9") as client,
        Child(command, tmp_path / "log", environment()) as child,
        pytest.raises(CommandError) as caught,
    ):
        child.wait_ready(client)
    lines = str(caught.value).splitlines()
    assert lines[0] == "The service did not start."
    assert "no such model" in lines
    assert len(lines) == 16


def test_a_child_that_is_never_ready_is_not_waited_for_without_end(peer: Peer, tmp_path: Path) -> None:
    peer.not_ready = "The LLM is loading."
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with (
        Client(peer.url) as client,
        Child(command, tmp_path / "log", environment()) as child,
        pytest.raises(CommandError, match="not ready after 0 seconds"),
    ):
        child.wait_ready(client, seconds=0)


def test_a_process_ends_with_its_standard_input() -> None:
    script = (
        "from app.cli.child_process import end_with_stdin; import time; end_with_stdin(); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, env=environment())
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
