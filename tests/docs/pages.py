"""The pages, and what is found in them."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")})


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def everything() -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in PAGES)


def title_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def table(name: str, first_column: str) -> str:
    """The rows of the page's table with this first column."""
    _, found, rest = page(name).partition(f"| {first_column} |")
    assert found, (name, first_column)
    return rest.partition("\n\n")[0]


def first_cells(name: str, first_column: str) -> list[str]:
    """What stands in backticks in the table's first column."""
    cells = re.findall(r"^\| (`.+?) \|", table(name, first_column), re.MULTILINE)
    return [each for cell in cells for each in re.findall(r"`(.+?)`", cell)]


def fenced(text: str) -> list[str]:
    return re.findall(r"^```.*?^```", text, re.DOTALL | re.MULTILINE)


def examples(text: str) -> Iterator[str]:
    """What a page shows as code: indented lines and spans between backticks."""
    yield from re.findall(r"^    (.*)$", text, re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", text)
