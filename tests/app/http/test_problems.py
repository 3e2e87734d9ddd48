import logging
import sys

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.http.body_sizes import BodySizes
from app.http.error_handlers import install
from app.parsing.sandbox import ParserSandbox
from tests import files


def test_a_fault_of_ours_is_told_as_one_and_logged_under_its_id(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = FastAPI()
    install(app, BodySizes(1_000_000).refusal)

    @app.post("/books")
    async def add() -> None:
        await ParserSandbox(60, 1_000_000_000).parse(files.pdf([files.lines("A book.")]))

    monkeypatch.setattr(sys, "executable", "/bin/false")
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.post("/books")
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (500, "/problems/internal-error")
    assert problem["id"] in problem["detail"]
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert problem["id"] in record.getMessage()
    assert "POST /books" in record.getMessage()
    assert record.exc_info is not None
