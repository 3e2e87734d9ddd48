"""What the command says of what it measured, and of what it could not."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.answering.skill import LoadedSkill, register_skill
from app.cli.commands import app
from tests.databases import new_database
from trainer.llm.frozen_llm import FrozenLLM

SYSTEMS = "rag,gold,skill,skill_apart,skill_elsewhere"


@pytest.fixture
def data(tmp_path: Path, llm: FrozenLLM, skill: LoadedSkill) -> Path:
    """Questions about two books, none of which says where its answer is; the LLM's skill is registered."""
    (tmp_path / "lamp.txt").write_text("Mira kept a green lamp in the tower of Ost.")
    (tmp_path / "frog.txt").write_text("A frog sat in the well. The well was deep.")
    lines = [
        {"book": "lamp.txt", "question": "Who kept a green lamp?", "answers": ["Mira"]},
        {"book": "frog.txt", "question": "Where did the frog sit?", "answers": ["in the well"]},
        {"book": "frog.txt", "question": "What was deep?", "answers": ["the well"]},
    ]
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    database = new_database(tmp_path / "bookchorus.db")
    register_skill(database, llm.identity, skill)
    database.close()
    return file


def evaluated(data: Path, model: Path, *words: str) -> tuple[Result, dict[str, Any]]:
    """The command's result, and its report."""
    report = data.parent / "report.json"
    environment = {"BOOKCHORUS_MODEL": str(model), "BOOKCHORUS_DATA_DIR": str(data.parent)}
    said = ["eval", "--data", str(data), "--json", str(report), "--plots", str(data.parent / "plots"), *words]
    result = CliRunner().invoke(app, said, env=environment, catch_exceptions=False)
    return result, json.loads(report.read_text()) if report.exists() else {}


def test_the_report_says_how_it_was_measured(data: Path, tiny_folder: Path) -> None:
    result, report = evaluated(data, tiny_folder, "--systems", SYSTEMS, "--at-once", "3")
    assert result.exit_code == 0, result.output
    assert (report["bootstrap"], report["at_once"], report["left_out"]) == ("story", 3, {"gold": 3})
    assert "gold is not asked 3 of 3 questions" in result.output
    systems = {one["system"]: one for one in report["systems"]}
    asked = SYSTEMS.replace("gold,", "").split(",")
    assert set(systems) == {*asked, "skill_apart (oracle of 8)"}
    assert {one["bootstrap"] for one in systems.values()} == {"story"}
    compared = [(one["system"], one["other"], one["bootstrap"]) for one in report["comparisons"]]
    assert compared == [("skill_apart", "rag", "story"), ("skill_apart", "skill", "story")]
    declined = [(one["system"], one["share"]) for one in report["abstention"]]
    assert declined == [("skill_apart", 0.1), ("skill_apart", 0.15)]
    assert "skill_apart - rag: " in result.output
    assert (data.parent / "plots" / "systems.png").exists()
    # What was answered is kept; only the intervals are others.
    result, by_question = evaluated(data, tiny_folder, "--systems", SYSTEMS, "--bootstrap", "question")
    assert by_question["bootstrap"] == "question"
    assert {one["bootstrap"] for one in by_question["systems"]} == {"question"}
    assert [one["rouge_l"] for one in by_question["systems"]] == [one["rouge_l"] for one in report["systems"]]


def test_one_story_is_no_sample_of_stories(data: Path, tiny_folder: Path) -> None:
    result, report = evaluated(data, tiny_folder, "--systems", "skill,skill_elsewhere", "--stories", "1")
    assert result.exit_code == 0, result.output
    assert report["bootstrap"] == "question"
    assert {one["bootstrap"] for one in report["systems"]} == {"question"}
    assert "only one story: intervals are by question" in result.output
    assert "skill_elsewhere is not asked 2 of 2 questions: there is no other story" in result.output


def test_where_nothing_can_be_asked_nothing_is_reported(data: Path, tiny_folder: Path) -> None:
    result, report = evaluated(data, tiny_folder, "--systems", "gold,skill_gold")
    assert result.exit_code == 1
    assert "None of these systems can be asked" in result.output
    assert report == {}
