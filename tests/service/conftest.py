"""A real service: its own process, its own folder, a real uvicorn, and the tiny LLM."""

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from app.cli.child_process import Child
from app.client import Client
from tests.warm.commands import python


@contextmanager
def service(folder: Path, *options: str, **settings: str) -> Iterator[Client]:
    """Run `bookchorus serve`, its data in `folder`; on a free port, unless the settings have one."""
    with service_process(folder, *options, **settings) as (client, _):
        yield client


@contextmanager
def service_process(folder: Path, *options: str, **settings: str) -> Iterator[tuple[Client, Child]]:
    """The same, with its process, which may end before the context does.

    The process is a fork of one that has imported more than a service does.
    """
    with _running(partial(python, imported="service"), folder, options, settings) as running:
        yield running


@contextmanager
def plain_service(folder: Path, *options: str, **settings: str) -> Iterator[tuple[Client, Child]]:
    """The same, started as its users start it, which takes longer."""
    with _running(lambda *words: [sys.executable, *words], folder, options, settings) as running:
        yield running


@contextmanager
def _running(
    program: Callable[..., list[str]], folder: Path, options: Sequence[str], settings: Mapping[str, str]
) -> Iterator[tuple[Client, Child]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = settings.get("port", str(probe.getsockname()[1]))
    words = ["serve", "--end-with-stdin", "--port", port, "--data-dir", str(folder / "data"), *options]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BOOKCHORUS_")}
    env = {**clean, **{f"BOOKCHORUS_{name.upper()}": value for name, value in settings.items()}}
    with (
        Client(f"http://127.0.0.1:{port}", settings.get("admin_key")) as client,
        Child(program("-m", "app.cli", *words), folder / "serve.log", env) as child,
    ):
        child.wait_ready(client)
        yield client, child


@pytest.fixture(scope="session")
def shared_service(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service shared by the files of a session."""
    folder = tmp_path_factory.mktemp("service")
    with service(folder, "--model", str(tiny_folder), max_book_bytes="200000") as client:
        yield client


@pytest.fixture(scope="module")
def client(shared_service: Client) -> Iterator[Client]:
    """The shared service. Its books go after each file, so that no file finds those of another."""
    yield shared_service
    for book in shared_service.books():
        shared_service.remove(book.id)


@pytest.fixture
def http(client: Client) -> Iterator[httpx.Client]:
    """Plain HTTP to the shared service."""
    with httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http:
        yield http
