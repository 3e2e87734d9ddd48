"""A real Ray cluster of this machine with the tiny LLM, on PostgreSQL, and a real service before it."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.client import Client
from app.cluster.connection import connected
from app.settings import Settings, load
from tests.postgres import Server
from tests.service.conftest import plain_service


@dataclass(frozen=True)
class Cluster:
    """Two answerers and a trainer, by their settings, and what asks and trains through them."""

    settings: Settings
    answerers: Any
    client: Client


@pytest.fixture(scope="session")
def cluster(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Cluster]:
    """A cluster for all tests of a session; the service joins it by its address."""
    with warnings.catch_warnings():
        # Ray's own modules use what pydantic has deprecated.
        warnings.simplefilter("ignore")
        import ray
        import ray.serve

    folder = tmp_path_factory.mktemp("cluster")
    with server.database() as url:
        settings = load({"database_url": url, "model": str(tiny_folder), "data_dir": folder / "trainer"})
        with connected(settings, "local", answerers=2, trainers=1) as answerers:
            address = ray.get_runtime_context().gcs_address
            options = ("--model", str(tiny_folder), "--cluster", address)
            with plain_service(folder, *options, database_url=url) as (client, _):
                yield Cluster(settings, answerers, client)
