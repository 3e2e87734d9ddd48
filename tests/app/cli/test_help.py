import importlib.metadata
import re

import pytest

from tests.app.cli.runner import bookchorus
from tests.app.client.examples import book
from tests.app.client.peer import Peer
from tests.docs.command_line import commands


def test_help_names_every_command() -> None:
    text = bookchorus("--help").output
    assert re.findall(r"^│ (\w+)  ", text, re.MULTILINE) == [
        "serve",
        "worker",
        "doctor",
        "demo",
        "add",
        "watch",
        "train",
        "books",
        "remove",
        "jobs",
        "follow",
        "cancel",
        "ask",
        "chat",
        "passage",
        "mcp",
        "questions",
        "versions",
        "show",
        "promote",
        "rollback",
        "history",
        "compare",
        "prune",
        "export",
        "import",
        "inspect",
        "backup",
        "restore",
        "verify",
        "rebuild",
        "audit",
        "eval",
        "question",
        "keys",
        "skill",
        "bench",
    ]


def test_the_release_is_one_line() -> None:
    said = bookchorus("--version")
    assert (said.exit_code, said.output) == (0, f"bookchorus {importlib.metadata.version('bookchorus')}\n")


@pytest.mark.parametrize("command", commands())
def test_usage_names_what_is_to_be_given_as_the_docs_do(command: str) -> None:
    words = [each.metavar for each in commands()[command].params if each.param_type_name == "argument"]
    assert all(word and word.removesuffix("...").replace("_", "").isupper() for word in words), words


def test_compare_names_its_two_versions() -> None:
    assert "compare [OPTIONS] {BOOK} {VERSION} {OTHER_VERSION}" in bookchorus("compare", "--help").output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "ask Who swallowed the Tin Soldier?",
            "Too many words: swallowed the Tin Soldier?. Put several words that are one in quotes, such as "
            '"Who swallowed the Tin Soldier?".',
        ),
        ("chat The Tiger", 'such as "The Tiger".'),
        ("history The Tiger --alias latest", 'such as "The Tiger".'),
        ("prune --keep 3 The Tiger of Ost", 'such as "The Tiger of Ost".'),
        ("question add The Tiger Who was caught? A tiger", "Too many words: was caught? A tiger."),
        ("books tiger", "This command takes options only."),
    ],
)
def test_words_without_quotes_are_told_how_they_are_typed(peer: Peer, words: str, told: str) -> None:
    peer.shelf = [book()]
    result = bookchorus(*words.split(), peer=peer, COLUMNS="200")
    assert (result.exit_code, result.stdout, peer.calls) == (2, "", [])
    assert told in " ".join(result.stderr.replace("│", "").split())
    assert "Usage: " in result.stderr
