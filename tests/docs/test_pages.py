"""Links, examples, trees of files, and all else that a page names."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, everything, fenced, page, title_of

MOST_LINES_OF_README = 150


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    found: set[str] = set()
    without_code = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#+ +(.+?) *$", without_code, re.MULTILINE):
        plain = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while (name := f"{anchor}-{number}" if number else anchor) in found:
            number += 1
        found.add(name)
    return found


@pytest.mark.parametrize("file", PAGES, ids=title_of)
def test_links_resolve(file: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", file.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        to = (file.parent / path).resolve() if path else file
        assert to.exists(), target
        assert to.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(to.read_text(encoding="utf-8")), target


def test_every_page_is_in_the_index() -> None:
    index = page("docs/index.md")
    linked = {(ROOT / "docs" / target).resolve() for target in re.findall(r"\]\(([^)#]+)", index)}
    assert set((ROOT / "docs").rglob("*.md")) - {ROOT / "docs/index.md"} <= linked


def test_the_readme_is_short() -> None:
    assert len(page("README.md").splitlines()) <= MOST_LINES_OF_README


def tree_lines(text: str) -> list[str]:
    """Lines of code that draw a tree of files."""
    code = [line for block in fenced(text) for line in block.splitlines()]
    code += re.findall(r"^    .*$", text, re.MULTILINE)
    return [line for line in code if re.search(r"[├└]──|^\s*[\w./-]+/(\s{2,}|\s*$)", line)]


@pytest.mark.parametrize("file", PAGES, ids=title_of)
def test_no_page_draws_a_tree_of_files(file: Path) -> None:
    assert not tree_lines(file.read_text(encoding="utf-8"))


def test_every_script_shown_exists() -> None:
    shown = set(re.findall(r"python -m ([\w.]+)", everything()))
    assert any(name.startswith("tests.benchmarks.") for name in shown)
    for name in shown:
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), name


def test_every_benchmark_is_named() -> None:
    scripts = {file.stem for file in (ROOT / "tests" / "benchmarks").glob("*.py")} - {"__init__"}
    assert scripts == set(re.findall(r"python -m tests\.benchmarks\.(\w+)", everything()))


@pytest.mark.parametrize("file", PAGES, ids=title_of)
def test_every_path_of_the_repository_named_exists(file: Path) -> None:
    text = re.sub(r"^```.*?^```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    spans = [*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^    (.*)$", text, re.MULTILINE)]
    paths = {
        path
        for span in spans
        for path in re.findall(r"\b(?:app|trainer|store|tests|deploy)/[\w./-]*\w", span)
    }
    missing = sorted(
        path for path in paths if not (ROOT / path).exists() and not (ROOT / f"{path}.py").is_file()
    )
    assert not missing


@pytest.mark.parametrize("name", ["quality", "speed", "formats", "reliability", "first_use"])
def test_every_result_has_its_command_machine_and_date(name: str) -> None:
    sections = page(f"docs/results/{name}.md").split("\n## ")[1:]
    assert sections
    for section in sections:
        for what in ("Command", "Machine", "Date"):
            assert re.search(rf"^- {what}:\s+\S", section, re.MULTILINE), (section.partition("\n")[0], what)


def test_the_python_of_the_pages_is_python() -> None:
    blocks = [
        block
        for file in PAGES
        for block in re.findall(r"(?:^    .*\n)+", file.read_text(encoding="utf-8"), re.MULTILINE)
        if block.lstrip().startswith(("from ", "import "))
    ]
    assert blocks
    for block in blocks:
        ast.parse(inspect.cleandoc(block))
