"""A local S3 server in a process of its own, with one bucket, `books`."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.processes import children

_SECONDS = 60


@contextmanager
def running() -> Iterator[str]:
    """Run it while the context lasts; the URL at which it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            _wait(child, url)
            yield url
        finally:
            child.kill()


@contextmanager
def hanging(url: str) -> Iterator[None]:
    """Have the server of this URL answer nobody while the context lasts."""
    port = url.rpartition(":")[2]
    [process] = [
        child
        for child, command in children(os.getpid()).items()
        if " -m moto.server " in command and port in command.split()
    ]
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def variables(url: str) -> dict[str, str]:
    """The variables by which a program finds a server, with a key made up for it."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(8),
        "AWS_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }


def _wait(child: "subprocess.Popen[bytes]", url: str) -> None:
    until = time.monotonic() + _SECONDS
    with httpx.Client(trust_env=False) as client:
        while True:
            try:
                client.put(f"{url}/books").raise_for_status()
                return
            except httpx.TransportError:
                assert child.poll() is None, "the server has ended"
                assert time.monotonic() < until, "the server does not answer"
                time.sleep(0.05)
