"""Fault 19: whether a worker's process has ended is known for certain, or not said."""

import os
import subprocess
import sys
from pathlib import Path

from app.training.presence import Presence

HOLDS = """
import sys
from pathlib import Path
from app.training.presence import Presence
presence = Presence(Path(sys.argv[1]), "other")
print("held", flush=True)
sys.stdin.read()
"""


def test_19_a_process_that_was_killed_has_ended_and_one_that_lives_has_not(tmp_path: Path) -> None:
    mine = Presence(tmp_path, "mine")
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert not mine.has_ended("other")
        other.kill()
        other.wait()
        assert mine.has_ended("other")
    assert not mine.has_ended("mine")
    assert not mine.has_ended("of another folder")
    mine.close()
    assert not (tmp_path / "mine").exists()


def test_nothing_is_said_of_a_process_of_another_machine_or_of_another_start(tmp_path: Path) -> None:
    mine = Presence(tmp_path, "mine")
    (tmp_path / "other").write_bytes(b"another boot")
    assert not mine.has_ended("other")
    mine.close()


def test_files_of_killed_workers_go_after_a_day(tmp_path: Path) -> None:
    first = Presence(tmp_path, "first")
    left = tmp_path / "left"
    left.write_bytes((tmp_path / "first").read_bytes())
    for path in (left, tmp_path / "first"):
        os.utime(path, (0, 0))
    Presence(tmp_path, "second").close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first"]
    first.close()
