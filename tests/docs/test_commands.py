"""docs/cli.md, and every command that a page shows, against the commands."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.docs.command_line import commands, flags
from tests.docs.pages import PAGES, everything, examples, page, title_of

# In the commands' own section once, since many have them.
SHARED_OPTIONS = {"--url", "--key", "--json"}


def own_options(command: Any) -> set[str]:
    """Those in a command's own section; --json is shared where it takes no file."""
    files = {flag for each in command.params for flag in each.opts if flag == "--json" and not each.is_flag}
    return (flags(command) - SHARED_OPTIONS) | files


def command_sections() -> dict[str, str]:
    text = page("docs/cli.md")
    found = re.findall(r"^### `bookchorus (.+?)`\n(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE)
    assert len(found) == len(dict(found))
    return dict(found)


def test_every_command_has_its_section() -> None:
    assert sorted(command_sections()) == sorted(commands())


def test_the_options_of_each_command_are_those_of_its_help() -> None:
    sections = command_sections()
    for name, command in commands().items():
        cells = re.findall(r"^\| (`--.+?) \|", sections.get(name, ""), re.MULTILINE)
        shown = [flag for cell in cells for flag in re.findall(r"`(--[a-z-]+)`", cell)]
        assert sorted(shown) == sorted(own_options(command)), name


def test_the_defaults_of_options_are_those_of_the_code() -> None:
    sections = command_sections()
    for name, command in commands().items():
        rows = re.findall(r"^\| `(--[a-z-]+)` \| `([^`]+)` \|", sections.get(name, ""), re.MULTILINE)
        defaults = {flag: each.default for each in command.params for flag in each.opts}
        for flag, default in rows:
            known = defaults[flag]
            known = known() if callable(known) else known
            # What has no default here, such as the service's address, has one among the settings.
            assert known is None or str(known) == default, (name, flag)


def test_the_options_that_many_share_are_described_once() -> None:
    shared = page("docs/cli.md").partition("## Options that many share")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(--[a-z-]+)`", shared, re.MULTILINE)) == SHARED_OPTIONS


@pytest.mark.parametrize("file", PAGES, ids=title_of)
def test_every_command_and_option_shown_exists(file: Path) -> None:
    known = commands()
    groups = {name.partition(" ")[0] for name in known if " " in name}
    for example in examples(file.read_text(encoding="utf-8")):
        for call in re.findall(r"\bbookchorus +([a-z].*)", example):
            words = call.split()
            name = words[0]
            if name in groups and len(words) > 1:
                name = " ".join(words[:2])
            if name in groups:
                continue
            assert name in known, call
            assert set(re.findall(r"(?<!\S)--[a-z][a-z-]*", call)) <= flags(known[name]) | {"--help"}, call


@pytest.mark.parametrize("file", PAGES, ids=title_of)
def test_every_example_is_understood(file: Path) -> None:
    known = commands()
    shown = re.findall(
        r"^    (?:[A-Z_]+=\S+ )*bookchorus ([a-z].*)$", file.read_text(encoding="utf-8"), re.MULTILINE
    )
    for call in shown:
        words = shlex.split(call)
        name = next(name for name in known if words[: name.count(" ") + 1] == name.split())
        # Raises click's UsageError for what is missing, unknown or of another kind.
        known[name].make_context(name, words[name.count(" ") + 1 :])


def test_every_target_of_make_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", page("Makefile"), re.MULTILINE))
    shown = {name for text in examples(everything()) for name in re.findall(r"^make ([a-z]+)", text)}
    assert {"demo", "test"} <= shown <= targets
