"""The processes of the deployments of a cluster that this process has made."""

import os
import signal

from tests.processes import children, descendants


def replicas(deployment: str) -> list[int]:
    """Its processes, without what they have forked, which has their name."""
    named = {
        process
        for process, command in descendants(os.getpid()).items()
        if command.startswith("ray::ServeReplica:bookchorus") and deployment in command
    }
    return sorted(named - {forked for process in named for forked in children(process)})


def kill(deployment: str) -> None:
    """Kill one process of a deployment, as the kernel does where memory is short."""
    os.kill(replicas(deployment)[0], signal.SIGKILL)
