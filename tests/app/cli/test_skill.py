"""`bookchorus skill list` and `skill use`, on real databases; neither loads the LLM."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.answering.skill import shipped_skill
from app.cli.commands import app
from store import skills
from store.database import Database
from trainer.llm.availability import EMBEDDED, embedded_revision


def bookchorus(data: Path, *words: str, model: str | None = None) -> Result:
    environment = {
        "BOOKCHORUS_DATABASE_URL": None,
        "BOOKCHORUS_MODEL": model,
        "BOOKCHORUS_DATA_DIR": str(data),
        "COLUMNS": "140",
    }
    return CliRunner().invoke(app, ["skill", *words], env=environment, catch_exceptions=False)


def listed(data: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(bookchorus(data, "list", "--json").stdout)["data"]
    return found


def learned(data: Path, model: str = EMBEDDED, revision: str | None = None) -> None:
    """Register a skill that was learned here, of which nobody reads the bytes."""
    database = Database(f"sqlite:///{data / 'bookchorus.db'}")
    data.mkdir(exist_ok=True)
    database.migrate()
    with database.write() as session:
        skills.publish(
            session,
            base_model={"id": model, "revision": revision or embedded_revision(), "hidden_size": 576},
            method="prefix",
            artifact=b"learned",
            recipe={},
            data={"source": "train", "learned_from": ["a", "b"], "fitted_on": {"stories": 1, "questions": 7}},
            metrics={"calibration": {"decline_below": 0.5}},
        )
    database.close()


def test_what_the_package_brings_is_listed_before_anything_is_registered(tmp_path: Path) -> None:
    shipped = shipped_skill(EMBEDDED)
    assert shipped is not None
    assert shipped.calibration is not None
    skill, instruction = listed(tmp_path / "data")
    assert (skill["number"], skill["origin"], skill["champion"], skill["chosen_by"]) == (
        None,
        "shipped",
        True,
        "package",
    )
    assert (skill["sha256"], skill["bytes"]) == (shipped.digest, len(shipped.artifact))
    assert (skill["stories"], skill["questions"]) == (208, 480)
    assert skill["decline_below"] == shipped.calibration.decline_below
    assert (instruction["origin"], instruction["champion"]) == ("instruction", False)
    text = bookchorus(tmp_path / "data", "list").output
    for words in (
        "embedded",
        "lora",
        "9.8 MB",
        "208 stories",
        "480 questions",
        "0.12",
        "shipped",
        "● champion",
    ):
        assert words in text


def test_a_skill_is_chosen_by_number_the_package_s_or_none(tmp_path: Path) -> None:
    data = tmp_path / "data"
    learned(data)

    def champions() -> list[tuple[object, ...]]:
        return [(one["number"], one["origin"], one["chosen_by"]) for one in listed(data) if one["champion"]]

    assert champions() == [(1, "learned", "user")]
    assert "bookchorus skill use shipped" in " ".join(bookchorus(data, "list").output.split())
    for wanted, said, champion in (
        ("shipped", "Skill 2 is the champion of embedded now", (2, "shipped", "package")),
        ("1", "Skill 1 is the champion of embedded now", (1, "learned", "user")),
        ("2", "Skill 2 is the champion of embedded now", (2, "shipped", "user")),
        ("instruction", "The instruction is the champion of embedded now", (None, "instruction", "user")),
    ):
        result = bookchorus(data, "use", wanted)
        assert result.exit_code == 0, result.output
        assert said in result.output
        assert "at its next start" in result.output
        assert champions() == [champion]


def test_the_skills_of_another_llm_are_chosen_by_its_name(tmp_path: Path, tiny_folder: Path) -> None:
    data = tmp_path / "data"
    refused = bookchorus(data, "use", "1", "--model", str(tiny_folder))
    assert refused.exit_code == 1
    assert "has no skill 1" in refused.output
    assert bookchorus(data, "use", "instruction", "--model", str(tiny_folder)).exit_code == 0
    nowhere = bookchorus(data, "use", "shipped", "--model", "/no/such/model")
    assert nowhere.exit_code == 1
    [line] = nowhere.output.strip().splitlines()
    assert "There is no folder '/no/such/model'" in line
    database = Database(f"sqlite:///{data / 'bookchorus.db'}")
    with database.read() as session:
        assert skills.choice(session, EMBEDDED, embedded_revision()) is None
    database.close()


@pytest.mark.parametrize("wanted", ["0", "-1", "2147483648", "1.5", "the best", "²"])
def test_no_skill_is_called_so(tmp_path: Path, wanted: str) -> None:
    result = bookchorus(tmp_path / "data", "use", "--", wanted)
    assert result.exit_code == 2
    assert "number, shipped or instruction" in " ".join(result.output.replace("│", " ").split())


def test_a_data_folder_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for words in (["list"], ["use", "1"]):
        result = bookchorus(tmp_path / "other", *words, "--data-dir", str(tmp_path / "file" / "data"))
        assert result.exit_code == 1
        assert len(result.output.strip().splitlines()) == 1


def test_the_files_of_the_package_are_those_that_skill_train_writes() -> None:
    names = {file.name for file in (resources.files("app.answering") / "data").iterdir()}
    assert {name.rpartition(".")[0] for name in names if name.endswith(".json")} == {
        name.rpartition(".")[0] for name in names if name.endswith(".safetensors")
    }
