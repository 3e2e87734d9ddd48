"""What the shell completes a name to: books and jobs of the running service, or nothing."""

import socket

import pytest
from typer.testing import CliRunner

from app.cli.commands import app
from tests.app.client.examples import book, job
from tests.app.client.peer import Peer


def completed(line: str, url: str | None, shell: str = "fish") -> list[str]:
    """What a shell is given for the last word of a line, one a line; of fish without the help beside it."""
    words = line.split(" ")
    environment = {
        "_BOOKCHORUS_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "BOOKCHORUS_URL": url,
    }
    result = CliRunner().invoke(app, [], env=environment, prog_name="bookchorus")
    assert result.stderr == ""
    return [line.partition("\t")[0] for line in result.stdout.splitlines() if line]


@pytest.fixture
def library(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Peer:
    # The service is not given up on a machine with much else to do.
    monkeypatch.setattr("app.cli.completion._SECONDS", 60)
    peer.shelf = [book(1, title="The Tiger"), book(2, title="Mail"), book(3, title="Them")]
    peer.jobs = [job("running").model_copy(update={"title": "The Tiger"}), job("failed")]
    return peer


@pytest.mark.parametrize("words", ["show", "ask --book", "add x --revises", "jobs --book", "question add"])
def test_a_book_is_completed_to_titles_and_ids_that_begin_so(library: Peer, words: str) -> None:
    assert completed(f"bookchorus {words} th", library.url) == ["the Tiger", "them"]
    assert completed(f"bookchorus {words} book_", library.url) == [book(number).id for number in (1, 2, 3)]
    assert completed(f"bookchorus {words} lion", library.url) == []


def test_a_job_is_completed_to_those_that_have_not_ended(library: Peer) -> None:
    assert completed("bookchorus follow ", library.url) == ["The Tiger", "job_1"]


def test_bash_is_given_words_as_they_are_to_be_typed(library: Peer) -> None:
    assert completed("bookchorus show The", library.url, "bash") == ["The\\ Tiger", "Them"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("bad", ["$(id)", "\\$(id)", "`id`", "'; id; '", "*", '"', "[/x]", "\nid"])
def test_of_a_title_a_shell_gets_nothing_that_it_could_run(library: Peer, shell: str, bad: str) -> None:
    library.shelf = [book(1, title=f"Lamp {bad}")]
    [value] = completed("bookchorus show La", library.url, shell)
    assert value in ("Lamp", f'_arguments \'*: :(("Lamp":"{book(1).id}"))\'')
    [value] = completed("bookchorus show book", library.url, shell)
    assert value in (book(1).id, f'_arguments \'*: :(("{book(1).id}":"Lamp"))\'')


def test_the_service_is_the_one_that_the_line_names(library: Peer) -> None:
    assert completed(f"bookchorus show --url {library.url} Ma", "http://127.0.0.1:9") == ["Mail"]


def test_without_a_service_or_where_it_is_slow_there_is_nothing_and_no_word_of_it() -> None:
    assert completed("bookchorus show T", "http://127.0.0.1:9") == []
    assert completed("bookchorus show T", "no url") == []
    # It takes connections and does not answer.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert completed("bookchorus show T", f"http://127.0.0.1:{silent.getsockname()[1]}") == []
