"""The files of the page: how large they are, and that none says what another does not know."""

import re
from collections import Counter
from pathlib import Path

from playwright.sync_api import Page

from app.adding.formats import ENDINGS
from app.client import Client
from app.page import serving

STATIC = Path(serving.__file__).parent / "static"
MOST_BYTES = 110_000
MOST_LINES = 250


def test_the_page_is_light() -> None:
    files = list(STATIC.iterdir())
    assert sum(file.stat().st_size for file in files) <= MOST_BYTES
    for file in files:
        assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES, file.name


def test_every_word_that_is_shown_is_there_and_no_other(page: Page, library: Client) -> None:
    page.goto(library.url)
    there = set(page.evaluate("import('/page/words.js').then(({ words }) => Object.keys(words))"))
    scripts = [file.read_text(encoding="utf-8") for file in STATIC.glob("*.js") if file.name != "words.js"]
    used = set(re.findall(r"\bwords\.(\w+)(?!\.js)", "".join(scripts))) - {"js"}
    # By the limits of the library, and the states of versions.
    assert used | {"author", "tag", "damaged", "pruned"} == there


def test_no_word_is_written_twice() -> None:
    script = (STATIC / "words.js").read_text(encoding="utf-8").partition("export const words = {")[2]
    # Texts may have commas and brackets; inside of brackets there are other names.
    bare = re.sub(r'"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`', '""', script)
    while bare != (bare := re.sub(r"\{[^{}]*\}|\([^()]*\)|\[[^\[\]]*\]", "", bare)):
        pass
    names = Counter(re.findall(r"(?:^|,)\s*(\w+):", bare, re.MULTILINE))
    assert len(names) > 100
    assert [name for name, count in names.items() if count > 1] == []


def test_files_of_a_folder_are_books_by_the_same_names_as_for_the_command() -> None:
    script = (STATIC / "folders.js").read_text(encoding="utf-8")
    [endings] = re.findall(r"^const BOOK = /\\.\((.*)\)\$/i;$", script, re.MULTILINE)
    assert {f".{ending}" for ending in endings.split("|")} == set(ENDINGS)
