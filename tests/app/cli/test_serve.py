import socket
import subprocess
import sys
from pathlib import Path

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
    assert done.stderr.splitlines() == [f"Nothing can listen on 127.0.0.1:{port}: Address already in use."]
