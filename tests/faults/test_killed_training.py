"""Fault 19: a service that is killed in the middle of a training, and started again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.cli.child_process import Child
from app.client import Client
from tests.postgres import Server
from tests.service.conftest import service, service_process
from tests.tiny import STORY

# A budget of tokens has no seconds, which would not be the same in two runs.
RECIPE: dict[str, Any] = {
    "objective": "lm",
    "members": 2,
    "virtual_tokens": 4,
    "row_tokens": 32,
    "epochs": 1000,
    "budget_tokens": 6000,
}


def kill(child: Child) -> None:
    """As kill -9 does: the process that stands for the service hands the death on."""
    child._process.kill()
    child.wait()


def learn(client: Client) -> str:
    added = client.add(STORY, title="Lamp", recipe=RECIPE)
    assert added.job is not None
    return added.job.id


def until_step(client: Client, job: str, step: int) -> None:
    """Return once a step after `step` was done."""
    next(each for each in client.follow(job) if each.type == "metrics" and each.data["step"] > step)


def members(client: Client) -> list[str]:
    """The artifacts of the one version there is."""
    [version] = client.versions()
    return [member.sha256 for member in version.members]


@contextmanager
def url_of(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings of a service on a database of this kind."""
    if kind == "sqlite":
        yield {}
    else:
        server: Server = request.getfixturevalue("server")
        with server.database() as url:
            yield {"database_url": url}


@pytest.fixture(scope="module")
def undisturbed(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The members of a training that nobody killed; on which database does not matter to them."""
    with service(tmp_path_factory.mktemp("whole"), "--model", str(tiny_folder)) as client:
        assert list(client.follow(learn(client)))[-1].data["kind"] == "succeeded"
        return members(client)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_19_a_killed_training_goes_on_to_the_bits_of_one_that_was_not_killed(
    tmp_path: Path, tiny_folder: Path, undisturbed: list[str], kind: str, request: pytest.FixtureRequest
) -> None:
    model = ("--model", str(tiny_folder))
    with url_of(kind, tmp_path, request) as settings:
        with service_process(tmp_path / "killed", *model, **settings) as (client, child):
            job = learn(client)
            until_step(client, job, 2)
            kill(child)
        with service_process(tmp_path / "killed", *model, **settings) as (client, child):
            until_step(client, job, 2)
            assert client.ask("Who kept a green lamp?").answer is not None
            kill(child)
        with service(tmp_path / "killed", *model, **settings) as client:
            events = list(client.follow(job))
            ended = client.job(job)
            found = members(client)
    kinds = [each.data["kind"] for each in events if each.type == "message"]
    assert kinds.count("resumed") == 2
    assert kinds.count("published") == 1
    assert kinds[-1] == "succeeded"
    assert [each.outcome for each in ended.history] == ["vanished", "vanished", "succeeded"]
    assert all("stopped without a word, after step" in str(each.reason) for each in ended.history[:2])
    assert ended.attempts <= 2
    assert found == undisturbed
