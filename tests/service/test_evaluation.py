"""What an evaluation measures is what a user gets."""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.answering.calibration import Calibration, Logistic
from app.answering.skill import LoadedSkill, register_skill
from app.cli.commands import app
from store import books, versions
from store.database import Database
from store.editions import Edition
from store.segmentation import ChapterSpan, PassageSpan
from store.versions import NewMember
from tests.databases import new_database
from tests.service.conftest import service
from trainer.llm.frozen_llm import FrozenLLM

# One to a chapter, so that each is a passage to the evaluation as to the store below.
SECTIONS = [
    "Mira kept a green lamp in the tower of Ost, and lit it every night at nine.",
    "The baker sold butter to Mira, because butter burns slowly and smells of breakfast.",
    "The fishermen came home hungry in spring, and steered by the lamp.",
]
QUESTIONS = ["Who kept a green lamp?", "What did the baker sell?", "Where does the moon sleep?"]
RECIPE = {"objective": "lm", "members": 2, "virtual_tokens": 4, "row_tokens": 16, "epochs": 2}


def evaluated(folder: Path, model: Path) -> dict[str, dict[str, Any]]:
    """The chorus' predictions by question, measured by the command; its members are then in the cache."""
    (folder / "lamp.md").write_text("\n\n".join(f"# Night\n\n{section}" for section in SECTIONS))
    lines = [{"book": "lamp.md", "question": question, "answers": ["Mira"]} for question in QUESTIONS]
    data = folder / "questions.jsonl"
    data.write_text("\n".join(map(json.dumps, lines)))
    words = ["eval", "--data", str(data), "--systems", "chorus", "--recipe", json.dumps(RECIPE)]
    environment = {"BOOKCHORUS_MODEL": str(model), "BOOKCHORUS_DATA_DIR": str(folder / "data")}
    result = CliRunner().invoke(
        app, [*words, "--cache", str(folder / "cache")], env=environment, catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    [ledger] = (folder / "cache").glob("answers-*.jsonl")
    predictions = [json.loads(line) for line in ledger.read_text().splitlines()]
    return {QUESTIONS[one["question"] - 1]: one for one in predictions if one["system"] == "chorus"}


def publish(database: Database, folder: Path, llm: FrozenLLM) -> str:
    """Put the book and the members that the evaluation learned into the service's store."""
    text = "\n\n".join(SECTIONS)
    spans = []
    start = 0
    for section in SECTIONS:
        spans.append(PassageSpan(0, start, start + len(section)))
        start += len(section) + 2
    members = sorted((folder / "cache" / "versions").glob("*/member-*.safetensors"))
    with database.write() as session:
        book, _ = books.add(
            session,
            Edition(text, hashlib.sha256(text.encode()).hexdigest(), [ChapterSpan("", 0, len(text))], spans),
            title="The Lamp",
        )
        versions.publish(
            session,
            book_id=book.id,
            members=[NewMember(file.read_bytes(), seed) for seed, file in enumerate(members)],
            recipe=RECIPE,
            base_model=asdict(llm.identity),
            metrics={},
            parent=None,
            job_id=None,
            who="a test",
        )
        return book.id


def test_the_service_answers_as_the_evaluation_measured(
    tmp_path: Path, tiny_folder: Path, llm: FrozenLLM, skill: LoadedSkill
) -> None:
    calibration = Calibration(
        answerable=Logistic(intercept=0.1, slopes={"retrieval": 1.0, "answerable": 2.0}),
        right=Logistic(intercept=-0.2, slopes={"worth": 1.0, "log_likelihood": 0.5}),
    )
    (tmp_path / "data").mkdir()
    database = new_database(tmp_path / "data" / "bookchorus.db")
    register_skill(database, llm.identity, replace(skill, calibration=calibration))
    measured = evaluated(tmp_path, tiny_folder)
    book = publish(database, tmp_path, llm)
    database.close()
    with (
        service(tmp_path, "--model", str(tiny_folder)) as client,
        httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http,
    ):
        for question in QUESTIONS:
            asked = {"question": question, "books": [f"{book}@1"], "adaptive": False}
            answer = http.post("/ask", json=asked).json()
            assert answer["versions"] == [{"book": book, "version": 1, "revision": 1}]
            assert answer["calibrated"] is True
            assert answer["answer"] == measured[question]["answer"]
            assert answer["confidence"] == pytest.approx(measured[question]["confidence"], abs=1e-4)
