"""A forked program is as if it had been started: its streams, environment, folder, signals and end."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.warm.commands import python

SEEN = """
import json, os, sys
print(json.dumps([sys.argv, os.getcwd(), dict(os.environ), __name__, sys.stdin.read()]))
print("wrong", file=sys.stderr)
sys.exit(7)
"""
WAITS = "print('here', flush=True); import time; time.sleep(600)"


def test_a_program_has_its_words_its_world_and_its_status(tmp_path: Path) -> None:
    command = python("-c", SEEN, "one", "two words", imported="libraries")
    ran = subprocess.run(
        command, input="told", cwd=tmp_path, env={"ONLY": "this"}, capture_output=True, text=True, check=False
    )
    words, folder, environment, name, told = json.loads(ran.stdout)
    assert (words, folder, name, told) == (["-c", "one", "two words"], str(tmp_path), "__main__", "told")
    assert environment["ONLY"] == "this"
    assert "PATH" not in environment
    assert (ran.returncode, ran.stderr) == (7, "wrong\n")


def test_beside_plain_libraries_there_is_nothing_of_ours() -> None:
    told = "import sys; print('peft' in sys.modules, 'trainer' in sys.modules, 'app' in sys.modules)"
    command = python("-c", told, imported="libraries")
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True False False\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_reaches_the_program_and_is_its_end(number: signal.Signals) -> None:
    command = python("-c", WAITS, imported="libraries")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.send_signal(number)
        # The stream ends when the program itself has ended, not only who stands for it.
        assert process.stdout.read() == b""
        assert process.wait() == -number


def test_a_program_that_fails_tells_where() -> None:
    ran = subprocess.run(
        python("-c", "\n1 / 0", imported="libraries"), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("Traceback (most recent call last):\n")
    assert ran.stderr.endswith("ZeroDivisionError: division by zero\n")
