"""The processes of the deployments of a cluster that this process has made."""

import os
import signal
from pathlib import Path

import pytest


def kill(deployment: str) -> None:
    """Kill one process of a deployment, as the kernel does where memory is short."""
    for folder in Path("/proc").glob("[0-9]*"):
        process = int(folder.name)
        # Other tests may have a cluster, too; and what a replica forks has its name.
        if (
            _is_replica(process, deployment)
            and not _is_replica(_parent(process), deployment)
            and _is_ours(process)
        ):
            os.kill(process, signal.SIGKILL)
            return
    pytest.fail(f"no process of {deployment} is there")


def _is_replica(process: int, deployment: str) -> bool:
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
    return command.startswith(b"ray::ServeReplica:bookchorus") and deployment.encode() in command


def _is_ours(process: int) -> bool:
    while process > 1:
        process = _parent(process)
        if process == os.getpid():
            return True
    return False


def _parent(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
