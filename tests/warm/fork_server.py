"""A process that imports modules once, and then forks for each program that it is asked to run.

Its words: the file descriptor of the socket where programs are asked for, and the modules, apart by commas;
then the same again for a fork of it that imports more. It ends with its standard input. It must not start a
thread, since a fork has only the one that forks.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
import types
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[2])


@dataclass(frozen=True)
class Program:
    words: list[str]
    env: dict[str, str]
    folder: str
    streams: list[int]


def next_program(listener: socket.socket) -> Program:
    """Return in a process of its own for each program that comes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        _wait(listener.fileno())
        asking, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _forked(asking)
        asking.close()


def _forked(asking: socket.socket) -> Program:
    """Return in a fork of this process, which itself passes signals on to it and its end to who asked."""
    length, streams, _, _ = socket.recv_fds(asking, 4, 3)
    asked = json.loads(asking.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL))
    pid = os.fork()
    if pid == 0:
        asking.close()
        return Program(**asked, streams=streams)
    for stream in (0, 1, 2, *streams):
        os.close(stream)
    end = os.pidfd_open(pid)
    while end not in select.select([end, asking.fileno()], [], [])[0]:
        # Nobody who asks any more has been killed.
        for number in asking.recv(64) or [signal.SIGKILL]:
            signal.pidfd_send_signal(end, number)
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):
        asking.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def run(program: Program) -> None:
    """Run it as Python would that has just started."""
    os.setsid()
    for number, stream in enumerate(program.streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", 1)
    os.chdir(program.folder)
    os.environ.clear()
    os.environ.update(program.env)
    tempfile.tempdir = None
    # Streams and bytecode are as they are.
    words = [word for word in program.words[:2] if word not in ("-u", "-B")] + program.words[2:]
    if words[:2] == ["-W", "ignore"]:
        warnings.simplefilter("ignore")
        words = words[2:]
    kind, what, *rest = words
    sys.argv = [kind, *rest]
    if kind == "-m":
        sys.path[0] = program.folder
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        assert kind == "-c", words
        sys.path[0] = ""
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), main.__dict__)


def imported(stages: list[str]) -> socket.socket:
    """Import the modules; return the socket, and in forks of this process those of the later stages."""
    numbers = list(map(int, stages[::2]))
    _wait(*numbers)
    for name in stages[1].split(","):
        importlib.import_module(name)
    assert threading.active_count() == 1, threading.enumerate()
    later = stages[2:]
    if later and os.fork() == 0:
        os.close(numbers[0])
        return imported(later)
    for other in numbers[1:]:
        os.close(other)
    # What is there is shared by all, and copied where garbage collection touches it.
    gc.collect()
    gc.freeze()
    return socket.socket(fileno=numbers[0])


def _wait(*listeners: int) -> None:
    """Wait until somebody asks for a program; end this process with its standard input."""
    readable, _, _ = select.select([0, *listeners], [], [])
    if 0 in readable:
        sys.exit()


if __name__ == "__main__":
    with imported(sys.argv[1:]) as listening:
        program = next_program(listening)
    run(program)
