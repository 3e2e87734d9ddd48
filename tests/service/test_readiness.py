"""Fault 30: what of the service is dead is said where its readiness is asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.http.server import create_app
from app.service.assembly import build
from app.service.service import Service
from app.settings import Settings
from trainer.llm.frozen_llm import FrozenLLM


@pytest.fixture
def service(tmp_path: Path, llm: FrozenLLM) -> Service:
    return build(Settings(data_dir=tmp_path), llm)


@pytest.mark.parametrize(
    ("end", "dead", "alive"),
    [
        (lambda service: service.worker.close(), ["no worker is running"], "the engine"),
        (lambda service: service.scheduler.close(), ["the engine has ended"], "worker"),
        (
            lambda service: (service.worker.close(), service.scheduler.close()),
            ["no worker is running", "the engine has ended"],
            "store",
        ),
    ],
    ids=["worker", "engine", "both"],
)
def test_30_a_part_that_is_dead_is_named(
    service: Service, end: Callable[[Service], object], dead: list[str], alive: str
) -> None:
    with TestClient(create_app(service)) as client:
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "detail": ""})
        end(service)
        # On a busy machine the first answers tell what was known before.
        answers = (client.get("/readyz") for _ in range(500))
        answer = next(one for one in answers if all(part in one.json()["detail"] for part in dead))
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        detail = answer.json()["detail"]
        assert alive not in detail
        assert detail.endswith("restart the service")
        assert client.get("/livez").status_code == 200
