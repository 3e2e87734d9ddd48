import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli.commands import app

Bench = Callable[..., tuple[Result, dict[str, Any]]]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Run `bookchorus bench` on a tiny LLM on the CPU: what it prints, and its JSON."""

    def run(what: str, *words: str, shape: str = "tiny") -> tuple[Result, dict[str, Any]]:
        file = tmp_path / "reports" / "report.json"
        file.unlink(missing_ok=True)
        sizes = ["--shape", shape, "--members", "3", "--virtual-tokens", "5", "--device", "cpu"]
        call = ["bench", what, *sizes, "--dtype", "float32", "--json", str(file), *words]
        result = CliRunner().invoke(app, call, env={"COLUMNS": "100"}, catch_exceptions=False)
        return result, json.loads(file.read_text()) if file.exists() else {}

    return run
