"""The commands add, train and books, against the peer."""

from pathlib import Path

import pytest

from tests.app.cli.runner import bookchorus
from tests.app.client.examples import book
from tests.app.client.peer import Peer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiger.md"
    path.write_text("# The Trap\n\nA tiger was caught.\n")
    return path


def test_add_sends_tags(peer: Peer, file: Path) -> None:
    result = bookchorus("add", str(file), "--no-wait", "--tag", "animals", "--tag", "short", peer=peer)
    assert result.exit_code == 0
    assert peer.uploads[0]["tags"] == "animals,short"


def test_books_are_listed(peer: Peer) -> None:
    peer.shelf = [book(number, title=f"Tale {number}") for number in range(3)]
    result = bookchorus("books", peer=peer)
    assert result.exit_code == 0
    assert all(f"Tale {number}" in result.stdout for number in range(3))
    assert result.stdout.count("warning: ") == 3


def test_add_follows_the_training_to_its_end(peer: Peer, file: Path) -> None:
    result = bookchorus("add", str(file), "--recipe", '{"budget_seconds": 9}', peer=peer)
    assert result.exit_code == 0, result.output
    told = (
        "7 passages in 1 chapter\n",
        "warning: Page [3] has images and no text.\n",
        "step 2/2 · training loss 3.25",
        "held-out loss, before → after learning",
        "Version 1 is learned",
    )
    places = [result.stdout.index(words) for words in told]
    assert places == sorted(places)
    assert peer.uploads[0]["recipe"] == '{"budget_seconds": 9}'


def test_train_asks_for_another_version_and_follows_it(peer: Peer) -> None:
    words = ("--parent", "3", "--append", "--recipe", '{"virtual_tokens": 20}', "--force")
    result = bookchorus("train", book().id, *words, peer=peer)
    assert result.exit_code == 0, result.output
    [wish] = peer.trained
    assert (wish.parent, wish.force) == (3, True)
    assert wish.recipe == {"virtual_tokens": 20, "append": True}
    told = (
        "step 2/2 · training loss 3.25",
        "as the champion",
        "held-out loss, before → after learning",
        "Version 1 is learned",
    )
    places = [result.stdout.index(words) for words in told]
    assert places == sorted(places)
    assert bookchorus("train", book().id, "--no-wait", peer=peer).stdout == "Job job_1 is queued.\n"
    assert peer.trained[1].model_dump() == {"recipe": None, "parent": None, "force": False}


def test_a_version_that_cannot_be_gone_on_from_is_one_line(peer: Peer) -> None:
    result = bookchorus("train", book().id, "--parent", "0", peer=peer)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert result.stderr.startswith("parent: ")
    assert peer.trained == []


def test_add_sends_a_new_edition(peer: Peer, file: Path) -> None:
    assert bookchorus("add", str(file), "--revises", book().id, peer=peer).exit_code == 0
    assert peer.uploads[0]["revises"] == book().id


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


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ("{", '{"budget_seconds": 600}'),
        ("[1]", '{"budget_seconds": 600}'),
        ("budget_seconds=120", '{"budget_seconds": 600}'),
        ('{"budget": 120}', "there is no field budget; did you mean budget_seconds or budget_tokens?"),
        ('{"member": 4}', "there is no field member; did you mean members?"),
        ('{"lr": 0.1}', "there is no field lr; docs/recipes.md has those there are"),
        ('{"members": 0}', "members: Input should be greater than or equal to 1"),
        ('{"closed": 0.8, "distractors": 0.8}', "closed and distractors are shares of the same rows"),
    ],
)
@pytest.mark.parametrize("command", ["add", "train"])
def test_what_is_no_recipe_is_refused_before_anything_is_sent(
    peer: Peer, file: Path, command: str, recipe: str, told: str
) -> None:
    result = bookchorus(command, str(file), "--recipe", recipe, peer=peer, COLUMNS="300")
    assert result.exit_code == 2
    assert "--recipe" in result.stderr
    assert told in result.stderr
    assert peer.calls == []


@pytest.mark.parametrize("command", ["add", "train"])
def test_help_has_an_example_of_a_recipe_and_says_where_its_fields_are(command: str) -> None:
    told = " ".join(bookchorus(command, "--help", COLUMNS="300").output.split())
    assert '{"budget_seconds": 600}' in told
    assert "docs/recipes.md" in told
