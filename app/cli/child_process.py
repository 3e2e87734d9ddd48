"""A service run as a child process, which never outlives its parent."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from app.client import Client, NoAnswerError
from app.errors import CommandError

STOP_S = 30.0
POLL_S = 0.2


class Child:
    """A process started from `command` with the environment `env`, its output in the file `log`.

    Use it as a context: at its end the process is asked to end, and killed where it has not after 30 seconds.
    Its standard input is an open pipe, so that a process which calls `end_with_stdin` also ends when this one
    is killed.
    """

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            # In a session of its own, so that Ctrl-C reaches this process only, which then ends the other.
            self._process = subprocess.Popen(
                list(command),
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def wait_ready(self, client: Client, seconds: float = 900.0) -> None:
        """Wait until the service answers that it is ready.

        Raises CommandError, with the last lines of its output, when the process ends or the time is over.
        """
        deadline = time.monotonic() + seconds
        while True:
            if self.ended:
                raise CommandError(f"The service did not start.\n{self.tail()}")
            try:
                if client.ready().ready:
                    return
            except NoAnswerError:
                pass
            if time.monotonic() >= deadline:
                raise CommandError(f"The service was not ready after {seconds:.0f} seconds.\n{self.tail()}")
            time.sleep(POLL_S)

    def wait(self) -> int:
        """Wait until the process ends by itself; return its exit status."""
        return self._process.wait()

    def tail(self, lines: int = 15) -> str:
        """Read the last lines of the process's output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """End the process: terminate it, and kill it where it has not ended after 30 seconds."""
        try:
            self._process.terminate()
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            # Also when Ctrl-C comes again while waiting.
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()


def end_with_stdin() -> None:
    """End this process, as SIGTERM does, once its standard input closes, since its parent is gone then."""

    def wait() -> None:
        # Not sys.stdin: a thread that waits in a buffered reader holds its lock while Python shuts down.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="end-with-stdin", daemon=True).start()
