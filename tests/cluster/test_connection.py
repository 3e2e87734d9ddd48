"""What keeps a service from joining a cluster, and who may know Ray."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from app.cluster.connection import connected
from app.errors import CommandError
from app.settings import load

ROOT = Path(__file__).parents[2]


def test_machines_without_one_database_make_no_cluster(tmp_path: Path) -> None:
    with (
        pytest.raises(CommandError, match="BOOKCHORUS_DATABASE_URL"),
        connected(load({"data_dir": tmp_path}), "ray://head:10001", answerers=1, trainers=1),
    ):
        pytest.fail("it joined")


def test_only_the_room_of_the_cluster_imports_ray() -> None:
    """It is an extra: whoever has not installed it must not need it."""
    importing = {
        path.parent.relative_to(ROOT).as_posix()
        for package in ("app", "trainer", "store")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if name.split(".")[0] == "ray"
    }
    assert importing == {"app/cluster"}
    users = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "app").rglob("*.py")
        if path.parent.name != "cluster" and "app.cluster" in path.read_text(encoding="utf-8")
    }
    assert users == {"app/cli/serve.py"}


def test_what_a_process_of_the_cluster_imports_first_is_quick_to_import() -> None:
    told = "import sys, app.cluster.deployments; print({'torch', 'transformers', 'faiss'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
