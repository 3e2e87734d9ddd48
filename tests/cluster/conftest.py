"""A real Ray cluster of this machine with the tiny LLM, on PostgreSQL and S3; and a service that joins it."""

import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.client import Client
from app.cluster.connection import connected
from app.engine.engine import Engine
from app.resources.database import open_database
from app.resources.llm import load_llm
from app.service.assembly import equipped_llm
from app.settings import Settings, load
from app.transfer.desk import Desk, LocalDesk
from tests import s3
from tests.postgres import Server
from tests.service.conftest import plain_service


@dataclass(frozen=True)
class Cluster:
    """Two answerers and a trainer, by their settings, and what asks and trains through them.

    `bucket` is the URL of the server with all artifacts, `log` the service's own, at the level info as JSON.
    """

    settings: Settings
    answerers: Any
    client: Client
    bucket: str
    log: Path


@pytest.fixture(scope="session")
def cluster(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Cluster]:
    """A cluster for all tests of a session; the service joins it by its address."""
    with warnings.catch_warnings():
        # Ray's own modules use what pydantic has deprecated.
        warnings.simplefilter("ignore")
        import ray
        import ray.serve

    folder = tmp_path_factory.mktemp("cluster")
    with (
        server.database() as url,
        s3.running() as bucket,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in s3.variables(bucket).items():
            patch.setenv(name, value)
        shared = {"database_url": url, "artifacts": "s3://books/library", "artifact_bytes": "1"}
        settings = load({**shared, "model": str(tiny_folder), "data_dir": folder / "trainer"})
        with connected(settings, "local", answerers=2, trainers=1) as answerers:
            address = ray.get_runtime_context().gcs_address
            options = ("--model", str(tiny_folder), "--cluster", address)
            said = {"log_level": "info", "log_format": "json"}
            with plain_service(folder, *options, **shared, **said) as (client, child):
                yield Cluster(settings, answerers, client, bucket, child.log)


@pytest.fixture(scope="session")
def here(cluster: Cluster) -> Iterator[tuple[Engine, Desk]]:
    """The engine and the desk in this process, on the cluster's database and LLM."""
    with closing(open_database(cluster.settings)) as database:
        llm = equipped_llm(cluster.settings, database, load_llm(cluster.settings))
        yield llm.engine, LocalDesk(database, llm.members, llm.scheduler)
        llm.scheduler.close()


@pytest.fixture(scope="session")
def there(cluster: Cluster) -> Iterator[tuple[Engine, Desk]]:
    """Those that have the cluster's answerers do the work."""
    from app.cluster.web import web_service  # with Ray, whose import warns

    service = web_service(cluster.settings, cluster.answerers)
    yield service.engine, service.desk
    service.close()


@pytest.fixture(scope="session")
def local(here: tuple[Engine, Desk]) -> Engine:
    """The engine in this process."""
    return here[0]


@pytest.fixture(params=["here", "there"])
def both(request: pytest.FixtureRequest) -> tuple[Engine, Desk]:
    """Those of each kind."""
    found: tuple[Engine, Desk] = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def engine(both: tuple[Engine, Desk]) -> Engine:
    """Each kind."""
    return both[0]


@pytest.fixture
def desk(both: tuple[Engine, Desk]) -> Desk:
    """Each kind."""
    return both[1]
