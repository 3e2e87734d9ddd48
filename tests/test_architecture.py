"""Data flows one way: `trainer` and `store` know nothing of each other or of `app`."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BANNED = {
    "trainer": {"app", "store", "tests", "sqlalchemy", "alembic", "fastapi", "starlette", "httpx", "uvicorn"},
    "store": {"app", "trainer", "tests", "torch", "transformers", "peft", "fastapi", "starlette", "httpx"},
    "app": {"tests", "peft", "bitsandbytes", "transformers"},
}


def imported(file: Path) -> set[str]:
    """Top-level packages that a file imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import hides where it leads"
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("package", BANNED)
def test_imports_lead_one_way(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        assert not imported(file) & BANNED[package], file
