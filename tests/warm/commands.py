"""Python programs that start at once: forks of a process that has imported the slow libraries."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent
# What a program finds imported: transformers, beyond that what plain PEFT needs, then what the service starts
# with, and then what the processes in which xdist runs tests import of the rest.
IMPORTED = {
    "transformers": "transformers.models.auto.modeling_auto",
    "libraries": "peft",
    "service": "app.cli.commands,app.http.server,trainer.embedding",
    "tests": "app.evaluation.command,app.skill_training.command,app.mcp.server,openai,sentence_transformers",
}
# The folder of the forks' sockets and log, also for the processes in which xdist runs tests.
FOLDER = "WARM_PROGRAMS"


def python(*words: str, imported: Literal["transformers", "libraries", "service", "tests"]) -> list[str]:
    """The command that runs `python *words`, of which `-u`, `-B`, `-W ignore`, `-m` and `-c` are known.

    It has the environment, the folder, the standard streams, the signals and the exit status of any command.
    """
    # -S, -E and -s: it needs nothing but the standard library.
    stand_in = [sys.executable, "-S", "-E", "-s", str(HERE / "stand_in.py")]
    return [*stand_in, os.environ[FOLDER], imported, *words]


def start() -> Callable[[], None]:
    """Start the process that forks, which imports nothing until the first program comes; what ends it.

    It ends with this process, too.
    """
    folder = tempfile.TemporaryDirectory(prefix="warm-programs-")
    with ExitStack() as until_started:
        listeners = []
        for name in IMPORTED:
            listener = until_started.enter_context(socket.socket(socket.AF_UNIX))
            # Programs that come before all is imported wait here.
            listener.bind(f"{folder.name}/{name}")
            listener.listen(16)
            listeners.append(listener)
        log = until_started.enter_context(Path(folder.name, "log").open("wb"))
        numbers = [listener.fileno() for listener in listeners]
        stages = [word for stage in zip(map(str, numbers), IMPORTED.values(), strict=True) for word in stage]
        process = subprocess.Popen(
            [sys.executable, str(HERE / "fork_server.py"), *stages],
            # CUDA that was asked once how many GPUs there are cannot be used after a fork.
            env={**os.environ, "PYTORCH_NVML_BASED_CUDA_CHECK": "1"},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=numbers,
            start_new_session=True,
        )
    os.environ[FOLDER] = folder.name

    def end() -> None:
        process.communicate()
        folder.cleanup()

    return end
