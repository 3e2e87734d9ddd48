"""`bookchorus skill train` with a LoRA and answers to judge, from end to end."""

import io
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from app.evaluation.predictions import Prediction
from app.skill_training.command import train as train_command
from store import skills
from store.database import Database
from tests import tiny
from tests.app.skill_training.running import RECIPE, STORIES, bookchorus, environment, train, write
from trainer.skill.skill import LoraSkill, skill_from_bytes

FOUR = {**STORIES, "hen": ("The old hen laid a blue egg.", "Who laid a blue egg?", "the old hen")}
NEW = {
    "well": ("A well stood in the yard, and Mira drew water.", "Who drew water?", "Mira"),
    "goat": ("The goat ate the hat of the baker.", "What did the goat eat?", "the hat"),
}
LEARNED = {"steps": 20, "rank": 2, "learning_rate": 0.02, "evaluate_every": 4, "judge": True}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path, FOUR)


def lora(tmp_path: Path, model: Path, data: Path, *words: str, out: str = "skill", **recipe: object) -> Any:
    return train(tmp_path, model, data, "--method", "lora", *words, out=out, **{**LEARNED, **recipe})


@pytest.fixture(scope="module")
def whole(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was not stopped."""
    folder = tmp_path_factory.mktemp("whole")
    assert lora(folder, tiny_folder, write(folder, FOUR)).exit_code == 0
    return folder / "skill"


def test_it_is_learned_with_its_candidates_and_registered(whole: Path) -> None:
    notes = json.loads((whole / "skill.json").read_text())
    assert (notes["recipe"]["method"], notes["recipe"]["judge"]) == ("lora", True)
    learned = skill_from_bytes((whole / "skill.safetensors").read_bytes())
    assert isinstance(learned, LoraSkill)
    assert (learned.rank, learned.starts is None) == (2, False)
    # Each half of the two stories learned from was answered by the reader that learned the other.
    candidates = [json.loads((whole / f"candidates-{half}.json").read_text()) for half in (0, 1)]
    texts = [set(each) for each in candidates]
    assert [len(each) for each in texts] == [1, 1]
    assert texts[0] != texts[1]
    assert texts[0] | texts[1] < {text for text, _, _ in FOUR.values()}
    for each in candidates:
        for text, [[question, answer, quality]] in each.items():
            assert (text, question) in {(about, asked) for about, asked, _ in FOUR.values()}
            assert isinstance(answer, str)
            assert 0 <= quality <= 1
    database = Database(f"sqlite:///{whole.parent / 'data' / 'bookchorus.db'}")
    with database.read() as session:
        [row] = skills.list_skills(session)
        assert (row.method, row.origin) == ("lora", "learned")
    database.close()


def test_it_is_the_default_of_a_small_llm(tmp_path: Path, data: Path) -> None:
    flan = tiny.save(tmp_path / "flan", family="flan_t5")
    words = ["--data", str(data), "--out", str(tmp_path / "skill"), "--recipe", json.dumps(RECIPE)]
    result = bookchorus(tmp_path, flan, "skill", "train", *words)
    assert result.exit_code == 0, result.output
    assert isinstance(skill_from_bytes((tmp_path / "skill" / "skill.safetensors").read_bytes()), LoraSkill)
    # An encoder-decoder cannot judge: there are no candidates, and nothing counts on judgements.
    assert not list((tmp_path / "skill").glob("candidates-*"))
    assert json.loads((tmp_path / "skill" / "skill.json").read_text())["weighting"]["right"] == 0


class Interrupted(io.StringIO):
    """A screen on which somebody presses Ctrl-C when these words appear."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words

    def write(self, text: str) -> int:
        if self._words in text:
            raise KeyboardInterrupt
        return super().write(text)


def test_readers_that_learned_from_other_data_are_refused(
    tmp_path: Path, tiny_folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(tmp_path, tiny_folder).items():
        monkeypatch.setenv(name, value)
    screen = Console(file=Interrupted("half 2 of 2, step 10 of 10"), width=200)
    recipe = {**RECIPE, **LEARNED}
    with pytest.raises(KeyboardInterrupt):
        train_command(screen, data, recipe, tmp_path / "skill", "unknown", method="lora", register=False)
    kept = (tmp_path / "skill" / "half-0.safetensors").read_bytes()
    assert not (tmp_path / "skill" / "state.safetensors").exists()
    data.write_text(data.read_text().replace("?", " then?"))
    refused = lora(tmp_path, tiny_folder, data)
    assert refused.exit_code == 1
    assert "half-0.safetensors was learned from other data" in refused.output
    assert (tmp_path / "skill" / "half-0.safetensors").read_bytes() == kept


@pytest.mark.parametrize(
    "stopped_at", ["half 2 of 2, step 10 of 10", "the skill, step 12:", "start, step 2:"]
)
def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    tmp_path: Path,
    tiny_folder: Path,
    data: Path,
    whole: Path,
    monkeypatch: pytest.MonkeyPatch,
    stopped_at: str,
) -> None:
    out = tmp_path / "skill"
    for name, value in environment(tmp_path, tiny_folder).items():
        monkeypatch.setenv(name, value)
    recipe = {**RECIPE, **LEARNED}
    screen = Console(file=Interrupted(stopped_at), width=200)
    with pytest.raises(KeyboardInterrupt):
        train_command(screen, data, recipe, out, "unknown", method="lora", register=False)
    assert not (out / "skill.json").exists()
    kept = {file.name: file.read_bytes() for file in out.glob("candidates-*.json")}
    assert "candidates-0.json" in kept
    again = lora(tmp_path, tiny_folder, data)
    assert again.exit_code == 0, again.output
    assert "half 1 of 2" not in again.output
    for name, before in kept.items():
        assert (out / name).read_bytes() == before
    notes = [json.loads((folder / "skill.json").read_text()) for folder in (whole, out)]
    for one, two in zip(tensors(whole), tensors(out), strict=True):
        assert torch.equal(one, two)
    for stage in ("heldout", "starts"):
        steps = [[loss["step"] for loss in each["metrics"][stage]] for each in notes]
        assert steps[0] == steps[1]


def tensors(folder: Path) -> Iterable[torch.Tensor]:
    return skill_from_bytes((folder / "skill.safetensors").read_bytes()).tensors.values()


def test_candidates_of_another_recipe_are_refused(
    tmp_path: Path, tiny_folder: Path, data: Path, whole: Path
) -> None:
    shutil.copytree(whole, tmp_path / "skill")
    for name in ("state.safetensors", "starts.safetensors"):
        (tmp_path / "skill" / name).unlink()
    result = lora(tmp_path, tiny_folder, data, seed=5)
    assert result.exit_code == 1
    assert "half-0.safetensors belongs to another recipe" in result.output


def test_the_bare_llm_stays_bare_beside_it_and_folding_changes_no_answer(
    tmp_path: Path, tiny_folder: Path, whole: Path
) -> None:
    new = write(tmp_path, NEW, "new.jsonl")
    evaluate = ["eval", "--data", str(new), "--cache"]
    before = bookchorus(
        tmp_path / "before", tiny_folder, *evaluate, str(tmp_path / "bare"), "--systems", "rag"
    )
    assert before.exit_code == 0
    shutil.copytree(whole.parent, tmp_path, dirs_exist_ok=True)
    # One cache for both: the answers of one are not taken for those of the other.
    words = [*evaluate, str(tmp_path / "cache"), "--systems", "rag,skill,skill_apart"]
    assert bookchorus(tmp_path, tiny_folder, *words).exit_code == 0
    [folded] = (tmp_path / "cache").glob("answers-*")
    assert bookchorus(tmp_path, tiny_folder, *words, "--no-fold").exit_code == 0
    [beside] = set((tmp_path / "cache").glob("answers-*")) - {folded}
    [bare] = (tmp_path / "bare").glob("answers-*")
    one, two, unequipped = (dict(answers(file)) for file in (folded, beside, bare))
    assert one.keys() == two.keys()
    assert {system for system, _ in one} >= {"rag", "skill", "skill_apart"}
    for key, found in one.items():
        assert found.answer == two[key].answer
        assert found.nll == (None if two[key].nll is None else pytest.approx(two[key].nll, abs=1e-3))
    for key, found in unequipped.items():
        assert (one[key].answer, one[key].nll) == (found.answer, found.nll)
    assert any(
        found.nll != one["rag", story].nll for (system, story), found in one.items() if system == "skill"
    )


def answers(file: Path) -> Iterator[tuple[tuple[str, str], Prediction]]:
    for line in file.read_text().splitlines():
        found = Prediction.model_validate_json(line)
        yield (found.system, found.story), found
