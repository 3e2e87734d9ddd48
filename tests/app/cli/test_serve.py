import json
import os
import pty
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.cli.runner import bookchorus


def test_serve_names_a_wrong_setting_in_one_line() -> None:
    result = bookchorus("serve", "--device", "tpu")
    assert result.exit_code == 1
    assert result.stderr.startswith("BOOKCHORUS_DEVICE: expected")
    assert len(result.stderr.splitlines()) == 1


def test_a_port_in_use_is_one_line_before_the_llm_is_loaded(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = ["serve", "--port", str(port), "--data-dir", str(tmp_path), "--model", str(tmp_path / "none")]
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *words], capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"Nothing can listen on 127.0.0.1:{port}: Address already in use. End what listens there, or name "
        "another port with --port."
    ]


EARLY = """
import json, sys
from app.cli.commands import app
try:
    app(["serve", *sys.argv[1:]])
except SystemExit as end:
    heavy = {"torch", "transformers", "fastapi", "uvicorn", "sqlalchemy", "faiss", "numpy"}
    print(json.dumps([end.code, sorted(heavy & set(sys.modules))]))
"""


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--model", "{tmp}/none", "There is no folder '{tmp}/none'."),
        (
            "--model",
            "{tmp}/empty",
            "The folder '{tmp}/empty' holds no LLM that can be loaded: it has no config.json.",
        ),
        ("--model", "no such model", "The model 'no such model' is no folder here and no id of the hub"),
        ("--data-dir", "{tmp}/file/data", "The folder {tmp}/file/data cannot be made: Not a directory."),
        ("--device", "tpu", "BOOKCHORUS_DEVICE: expected"),
        ("--quantization", "int3", "BOOKCHORUS_QUANTIZATION: "),
        ("--host", "203.0.113.1", "BOOKCHORUS_ADMIN_KEY"),
    ],
)
def test_what_cannot_start_is_one_line_before_anything_slow_is_imported(
    tmp_path: Path, option: str, value: str, told: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    words = ["--port", "0", "--data-dir", str(tmp_path / "data"), option, value.format(tmp=tmp_path)]
    done = subprocess.run([sys.executable, "-c", EARLY, *words], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [1, []]
    [line] = done.stderr.splitlines()
    assert told.format(tmp=tmp_path) in line


def test_a_gpu_that_is_not_there_is_one_line_before_transformers_is_imported(tmp_path: Path) -> None:
    words = ["--port", "0", "--data-dir", str(tmp_path), "--device", "cuda:77"]
    done = subprocess.run([sys.executable, "-c", EARLY, *words], capture_output=True, text=True, check=True)
    status, loaded = json.loads(done.stdout)
    assert status == 1
    assert not {"transformers", "fastapi", "sqlalchemy"} & set(loaded)
    [line] = done.stderr.splitlines()
    assert "There is no device 'cuda:77'" in line


IMPORTS = """
import sys
from trainer.lean_imports import import_lean

import_lean()
import app.resources.llm
import app.http.server

heavy = {"torch._dynamo.symbolic_convert", "scipy", "sklearn", "pandas", "matplotlib", "peft"}
heavy |= {"bitsandbytes", "sentence_transformers", "lxml", "pypdfium2", "mammoth", "opentelemetry.sdk", "mcp"}
print(sorted(heavy & set(sys.modules)))
"""


def test_a_service_that_starts_imports_no_library_that_only_some_requests_need() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_terminal_is_told_before_the_command_line_itself_is_imported(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    words = ["-X", "importtime", "-m", "app.cli", "serve", "--port", "0", "--model", str(tmp_path / "none")]
    with subprocess.Popen(
        [sys.executable, *words, "--data-dir", str(tmp_path)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "300"},
    ) as process:
        os.close(theirs)
        said = b""
        try:
            while part := os.read(ours, 65536):
                said += part
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        assert process.wait() == 1
    before, line, after = said.partition("Starts …".encode())
    assert line
    assert not re.findall(rb"\| +(typer|rich|app\.cli\.commands)\r?\n", before)
    assert b"There is no folder" in after
