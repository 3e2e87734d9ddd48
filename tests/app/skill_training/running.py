"""`bookchorus` on a tiny LLM, and a skill that is trained in no time."""

import json
from collections.abc import Mapping
from pathlib import Path

from typer.testing import CliRunner, Result

from app.cli.commands import app

STORIES = {
    "lamp": ("Mira kept a green lamp in the tower of Ost.", "Who kept a green lamp?", "Mira"),
    "baker": ("The baker sold butter in the harbour.", "Who sold butter?", "the baker"),
    "frog": ("A frog sat in the deep well and was sad.", "Where did the frog sit?", "in the deep well"),
}
STARTS = {"members": 2, "virtual_tokens": 4, "steps": 3, "evaluate_every": 2}
RECIPE = {"steps": 3, "rows": 1, "warmup": 1, "evaluate_every": 2, "starts": STARTS}


def write(folder: Path, stories: Mapping[str, tuple[str, str, str]], name: str = "questions.jsonl") -> Path:
    """A file of questions, one about each story, with the stories beside it."""
    lines = []
    for story, (text, question, answer) in stories.items():
        (folder / f"{story}.txt").write_text(text)
        lines.append(json.dumps({"book": f"{story}.txt", "question": question, "answers": [answer]}))
    file = folder / name
    file.write_text("\n".join(lines) + "\n")
    return file


def environment(tmp_path: Path, model: Path) -> dict[str, str]:
    return {
        "BOOKCHORUS_MODEL": str(model),
        "BOOKCHORUS_DATA_DIR": str(tmp_path / "data"),
        # Losses are compared, and machines differ in what they compute in by themselves.
        "BOOKCHORUS_DTYPE": "float32",
        "COLUMNS": "160",
    }


def bookchorus(tmp_path: Path, model: Path, *words: str) -> Result:
    return CliRunner().invoke(app, list(words), env=environment(tmp_path, model), catch_exceptions=False)


def train(
    tmp_path: Path, model: Path, data: Path, *words: str, out: str = "skill", **recipe: object
) -> Result:
    """A prefix, unless the words or the file to go on from say otherwise."""
    where = ["--data", str(data), "--out", str(tmp_path / out)]
    learned = ["--recipe", json.dumps({**RECIPE, **recipe})]
    method = [] if {"--method", "--start"} & set(words) else ["--method", "prefix"]
    return bookchorus(tmp_path, model, "skill", "train", *where, *learned, *method, *words)
