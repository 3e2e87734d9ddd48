import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from store import skills
from store.database import Database

STORIES = {
    "lamp": ("Mira kept a green lamp in the tower of Ost.", "Who kept a green lamp?", "Mira"),
    "baker": ("The baker sold butter in the harbour.", "Who sold butter?", "the baker"),
    "frog": ("A frog sat in the deep well and was sad.", "Where did the frog sit?", "in the deep well"),
}
RECIPE = {"steps": 3, "rows": 1, "warmup": 1, "evaluate_every": 2}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    lines = []
    for name, (text, question, answer) in STORIES.items():
        (tmp_path / f"{name}.txt").write_text(text)
        lines.append(json.dumps({"book": f"{name}.txt", "question": question, "answers": [answer]}))
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return file


def bookchorus(tmp_path: Path, model: Path, *words: str) -> Result:
    environment = {
        "BOOKCHORUS_MODEL": str(model),
        "BOOKCHORUS_DATA_DIR": str(tmp_path / "data"),
        "COLUMNS": "160",
    }
    return CliRunner().invoke(app, list(words), env=environment, catch_exceptions=False)


def train(tmp_path: Path, model: Path, data: Path, **recipe: int) -> Result:
    words = ["skill", "train", "--data", str(data), "--out", str(tmp_path / "skill")]
    return bookchorus(tmp_path, model, *words, "--recipe", json.dumps({**RECIPE, **recipe}))


def test_a_skill_is_learned_fitted_and_registered(tmp_path: Path, tiny_folder: Path, data: Path) -> None:
    result = train(tmp_path, tiny_folder, data)
    assert result.exit_code == 0, result.output
    assert "Skill prompt 1 is registered" in result.output
    notes = json.loads((tmp_path / "skill" / "skill.json").read_text())
    assert notes["recipe"]["steps"] == 3
    assert set(notes["weighting"]) == {"answerable", "retrieval", "log_likelihood"}
    database = Database(f"sqlite:///{tmp_path / 'data' / 'bookchorus.db'}")
    with database.read() as session:
        [row] = skills.list_skills(session)
        assert row.champion
        assert skills.artifact(session, row) == (tmp_path / "skill" / "skill.safetensors").read_bytes()
    database.close()


def test_a_finished_run_keeps_its_losses(tmp_path: Path, tiny_folder: Path, data: Path) -> None:
    notes = tmp_path / "skill" / "skill.json"
    assert train(tmp_path, tiny_folder, data).exit_code == 0
    first = json.loads(notes.read_text())["metrics"]
    assert [loss["step"] for loss in first["heldout"]] == [0, 2, 3]
    assert train(tmp_path, tiny_folder, data).exit_code == 0
    assert json.loads(notes.read_text())["metrics"] == first


def test_a_skill_goes_on_from_a_file(tmp_path: Path, tiny_folder: Path, data: Path) -> None:
    assert train(tmp_path, tiny_folder, data).exit_code == 0
    first = (tmp_path / "skill" / "skill.safetensors").read_bytes()
    words = ["--data", str(data), "--recipe", json.dumps(RECIPE), "--out", str(tmp_path / "second")]
    start = ["--start", str(tmp_path / "skill" / "skill.safetensors")]
    result = bookchorus(tmp_path, tiny_folder, "skill", "train", *words, *start)
    assert result.exit_code == 0, result.output
    notes = json.loads((tmp_path / "second" / "skill.json").read_text())
    assert notes["recipe"]["start"] == hashlib.sha256(first).hexdigest()
    losses = [
        json.loads((tmp_path / folder / "skill.json").read_text())["metrics"]["heldout"]
        for folder in ("skill", "second")
    ]
    # bfloat16 in the file, so about
    assert losses[1][0]["answered"] == pytest.approx(losses[0][-1]["answered"], rel=0.01)


def test_a_folder_of_another_recipe_is_refused(tmp_path: Path, tiny_folder: Path, data: Path) -> None:
    assert train(tmp_path, tiny_folder, data).exit_code == 0
    result = train(tmp_path, tiny_folder, data, seed=5)
    assert result.exit_code == 1
    assert "another recipe" in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["eval", "--data", "nowhere"], "nowhere"),
        (["eval", "--data", "nowhere", "--systems", "guess"], "no system 'guess'"),
        (["skill", "train", "--data", "nowhere"], "nowhere"),
        (["skill", "train", "--data", "nowhere", "--start", "no-skill"], "nowhere"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, tiny_folder: Path, words: list[str], said: str
) -> None:
    result = bookchorus(tmp_path, tiny_folder, *words)
    assert result.exit_code == 1
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1
