import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from app.datasets.loading import load_dataset
from store import skills
from store.database import Database
from tests import tiny
from tests.app.skill_training.running import STORIES, bookchorus, train, write
from trainer.skill.skill import PromptSkill, skill_from_bytes


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path, STORIES)


@pytest.fixture(scope="module")
def once(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the stories and the skill are that was learned from them, and the registry."""
    folder = tmp_path_factory.mktemp("once")
    assert train(folder, tiny_folder, write(folder, STORIES)).exit_code == 0
    return folder


@pytest.fixture
def skill(once: Path, tmp_path: Path) -> Path:
    """The learned skill: its folder and the registry are copied, and not learned again."""
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    return tmp_path / "skill" / "skill.safetensors"


def test_a_skill_is_learned_fitted_and_registered(tmp_path: Path, tiny_folder: Path, data: Path) -> None:
    result = train(tmp_path, tiny_folder, data)
    assert result.exit_code == 0, result.output
    assert "Skill 1 is registered" in result.output
    notes = json.loads((tmp_path / "skill" / "skill.json").read_text())
    assert notes["recipe"]["steps"] == 3
    assert set(notes["weighting"]) == {"answerable", "retrieval", "log_likelihood", "right", "ceiling"}
    database = Database(f"sqlite:///{tmp_path / 'data' / 'bookchorus.db'}")
    with database.read() as session:
        [row] = skills.list_skills(session)
        champion = skills.champion(session, row.base_model_id, row.base_model_revision)
        assert champion is row
        assert skills.artifact(session, row) == (tmp_path / "skill" / "skill.safetensors").read_bytes()
    database.close()


def test_confidence_is_fitted_on_all_questions_of_the_stories_held_back(
    tmp_path: Path, tiny_folder: Path, data: Path
) -> None:
    lines = []
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text(f"Mira kept {number} green lamps in the tower of Ost.")
        for each in range(21):
            question = {"question": f"Who kept a lamp on day {each}?", "answers": ["Mira"]}
            lines.append(json.dumps({"book": f"{number}.txt", **question}))
    data.write_text("\n".join(lines))
    result = train(tmp_path, tiny_folder, data, starts={"steps": 0})
    assert result.exit_code == 0, result.output
    notes = tmp_path / "skill" / "skill.json"
    # Each question of two stories, asked of its own and of the other.
    assert json.loads(notes.read_text())["data"]["fitted_on"] == {"stories": 2, "questions": 84}
    # A skill that has learned from all of them would be sure of too much.
    learned = json.loads(notes.read_text())
    dataset = load_dataset(data)
    learned["data"]["learned_from"] = [story.digest for story in dataset.stories]
    notes.write_text(json.dumps(learned))
    start = str(notes.with_suffix(".safetensors"))
    refused = train(tmp_path, tiny_folder, data, "--start", start, out="second")
    assert refused.exit_code == 1
    assert "nothing to fit on" in refused.output


def test_a_finished_run_keeps_its_losses(tmp_path: Path, tiny_folder: Path, data: Path, skill: Path) -> None:
    notes = skill.with_suffix(".json")
    first = json.loads(notes.read_text())["metrics"]
    assert [loss["step"] for loss in first["heldout"]] == [0, 2, 3]
    assert [loss["step"] for loss in first["starts"]] == [0, 2, 3]
    assert train(tmp_path, tiny_folder, data).exit_code == 0
    assert json.loads(notes.read_text())["metrics"] == first


def test_a_skill_goes_on_from_a_file(tmp_path: Path, tiny_folder: Path, data: Path, skill: Path) -> None:
    result = train(tmp_path, tiny_folder, data, "--start", str(skill), out="second")
    assert result.exit_code == 0, result.output
    notes = json.loads((tmp_path / "second" / "skill.json").read_text())
    assert notes["recipe"]["start"] == hashlib.sha256(skill.read_bytes()).hexdigest()
    losses = [
        json.loads((tmp_path / folder / "skill.json").read_text())["metrics"]["heldout"]
        for folder in ("skill", "second")
    ]
    # bfloat16 in the file, so about
    assert losses[1][0]["answered"] == pytest.approx(losses[0][-1]["answered"], rel=0.01)


def test_an_encoder_decoder_learns_a_soft_prompt(tmp_path: Path, data: Path, once: Path) -> None:
    flan = tiny.save(tmp_path / "flan", family="flan_t5")
    result = train(tmp_path, flan, data, "--method", "prompt")
    assert result.exit_code == 0, result.output
    learned = skill_from_bytes((tmp_path / "skill" / "skill.safetensors").read_bytes())
    assert isinstance(learned, PromptSkill)
    assert learned.starts is not None
    database = Database(f"sqlite:///{tmp_path / 'data' / 'bookchorus.db'}")
    with database.read() as session:
        [row] = skills.list_skills(session)
        assert row.method == "prompt"
    database.close()
    prefix = once / "skill" / "skill.safetensors"
    result = train(tmp_path, flan, data, "--start", str(prefix), out="second")
    assert result.exit_code == 1
    assert "must be a soft prompt" in result.output
    assert "Traceback" not in result.output


def test_starts_alone_leave_the_skill_as_it_was(tmp_path: Path, tiny_folder: Path, data: Path) -> None:
    assert train(tmp_path, tiny_folder, data, starts={"steps": 0}).exit_code == 0
    first = tmp_path / "skill" / "skill.safetensors"
    before = skill_from_bytes(first.read_bytes())
    assert before.starts is None
    result = train(tmp_path, tiny_folder, data, "--start", str(first), out="second", steps=0)
    assert result.exit_code == 0, result.output
    after = skill_from_bytes((tmp_path / "second" / "skill.safetensors").read_bytes())
    assert torch.equal(after.tensors["keys"], before.tensors["keys"])
    assert after.starts is not None
    assert after.starts.shape == (2, 4, 32)
    refused = train(tmp_path, tiny_folder, data, out="third", steps=0)
    assert refused.exit_code == 1
    assert "--start" in refused.output


def test_a_folder_of_another_recipe_is_refused(
    tmp_path: Path, tiny_folder: Path, data: Path, skill: Path
) -> None:
    result = train(tmp_path, tiny_folder, data, seed=5)
    assert result.exit_code == 1
    assert "another recipe" in result.output


@pytest.mark.parametrize("changed", ["a story", "an answer", "a question more"])
def test_a_folder_of_other_data_is_refused(
    tmp_path: Path, tiny_folder: Path, data: Path, skill: Path, changed: str
) -> None:
    # The same in another file goes on.
    same = data.rename(data.with_name("renamed.jsonl"))
    assert train(tmp_path, tiny_folder, same, "--no-register").exit_code == 0
    kept = {file: file.read_bytes() for file in (tmp_path / "skill").rglob("*") if file.is_file()}
    if changed == "a story":
        (tmp_path / "frog.txt").write_text("A frog sat in the deep well and was glad.")
    elif changed == "an answer":
        same.write_text(same.read_text().replace("the baker", "baker"))
    else:
        asked = {"book": "frog.txt", "question": "Who was sad?", "answers": ["A frog"]}
        same.write_text(same.read_text() + json.dumps(asked) + "\n")
    refused = train(tmp_path, tiny_folder, same)
    assert refused.exit_code == 1
    [line] = refused.output.strip().splitlines()
    assert "state.safetensors was learned from other data: choose another folder, or delete it." in line
    assert kept == {file: file.read_bytes() for file in (tmp_path / "skill").rglob("*") if file.is_file()}
    assert train(tmp_path, tiny_folder, same, out="another").exit_code == 0


def test_a_skill_that_is_fitted_anew_keeps_its_bytes_and_has_the_new_fit(
    tmp_path: Path, tiny_folder: Path, data: Path
) -> None:
    assert train(tmp_path, tiny_folder, data, starts={"steps": 0}).exit_code == 0
    first = tmp_path / "skill" / "skill.safetensors"
    lines = []
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text(f"Mira kept {number} green lamps in the tower of Ost.")
        asked = [f"Who kept a lamp on day {each}?" for each in range(21)]
        lines += [
            json.dumps({"book": f"{number}.txt", "question": one, "answers": ["Mira"]}) for one in asked
        ]
    others = tmp_path / "others.jsonl"
    others.write_text("\n".join(lines))
    words = ("--start", str(first))
    refitted = train(tmp_path, tiny_folder, others, *words, out="second", steps=0, starts={"steps": 0})
    assert refitted.exit_code == 0, refitted.output
    assert "Skill 2 is registered" in refitted.output
    second = tmp_path / "second" / "skill.safetensors"
    assert second.read_bytes() == first.read_bytes()
    notes = [json.loads(file.with_suffix(".json").read_text()) for file in (first, second)]
    assert [one["data"]["fitted_on"]["questions"] for one in notes] == [1, 84]
    database = Database(f"sqlite:///{tmp_path / 'data' / 'bookchorus.db'}")
    with database.read() as session:
        new, old = skills.list_skills(session)
        for row, one in zip((old, new), notes, strict=True):
            fit = {name: one[name] for name in ("weighting", "calibration")}
            assert (row.metrics, row.data) == (one["metrics"] | fit, one["data"])
        assert new.artifact_sha256 == old.artifact_sha256
        assert skills.champion(session, new.base_model_id, new.base_model_revision) is new
    database.close()
    # Learned once more to the same end, the first is the champion again, and is no third. Of several notes
    # safetensors would write one or the other first.
    with safe_open(first, "pt") as opened:
        assert opened.metadata() == {"bookchorus skill": str(tiny_folder)}
    again = train(tmp_path, tiny_folder, data, starts={"steps": 0})
    assert "Skill 1 is registered" in again.output


def test_a_folder_of_another_start_is_refused(
    tmp_path: Path, tiny_folder: Path, data: Path, skill: Path
) -> None:
    assert train(tmp_path, tiny_folder, data, "--start", str(skill), out="second").exit_code == 0
    other = tmp_path / "second" / "skill.safetensors"
    result = train(tmp_path, tiny_folder, data, "--start", str(other), out="second")
    assert result.exit_code == 1
    assert "another recipe or start" in result.output


def test_what_a_skill_learned_from_is_not_evaluated_on(
    tmp_path: Path, tiny_folder: Path, data: Path, skill: Path
) -> None:
    report = tmp_path / "report.json"
    words = ["--systems", "rag,skill", "--json", str(report), "--cache", str(tmp_path / "cache")]
    refused = bookchorus(tmp_path, tiny_folder, "eval", "--data", str(data), *words)
    assert refused.exit_code == 1
    assert "learned from 2 of these 3 stories" in refused.output
    assert not report.exists()
    rest = bookchorus(tmp_path, tiny_folder, "eval", "--data", str(data), "--unseen", *words)
    assert rest.exit_code == 0, rest.output
    assert len(json.loads(report.read_text())["stories"]) == 1
    (tmp_path / "well.txt").write_text("A well stood in the yard, and Mira drew water from it.")
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"book": "well.txt", "question": "Who drew water?", "answers": ["Mira"]}))
    result = bookchorus(tmp_path, tiny_folder, "eval", "--data", str(other), *words)
    assert result.exit_code == 0, result.output
    systems = json.loads(report.read_text())["systems"]
    assert {one["system"] for one in systems} == {"rag", "skill"}


def test_an_llm_is_evaluated_behind_the_instruction_until_it_has_learned_a_skill(
    tmp_path: Path, tiny_folder: Path, data: Path
) -> None:
    report = tmp_path / "report.json"
    words = ["--systems", "skill,skill_apart", "--json", str(report), "--cache", str(tmp_path / "cache")]
    before = bookchorus(tmp_path, tiny_folder, "eval", "--data", str(data), *words)
    assert before.exit_code == 0, before.output
    assert "it answers behind the hand-written instruction" in before.output
    told = json.loads(report.read_text())
    assert (told["skill"], len(told["stories"])) == ("instruction", 3)
    assert {"skill", "skill_apart"} <= {one["system"] for one in told["systems"]}
    assert train(tmp_path, tiny_folder, data).exit_code == 0
    after = bookchorus(tmp_path, tiny_folder, "eval", "--data", str(data), "--unseen", *words)
    assert after.exit_code == 0, after.output
    assert "instruction" not in after.output
    told = json.loads(report.read_text())
    assert told["skill"].startswith("skill_")
    assert len(told["stories"]) == 1


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


def test_a_recipe_that_names_another_method_than_the_option_is_refused(
    tmp_path: Path, tiny_folder: Path, data: Path
) -> None:
    refused = train(tmp_path, tiny_folder, data, "--method", "lora", method="prefix")
    assert refused.exit_code == 1
    assert "name one" in refused.output
    wrong = train(tmp_path, tiny_folder, data, "--start", str(data), method="hypnosis")
    assert wrong.exit_code == 1
    assert "Traceback" not in wrong.output


def test_an_asker_is_learned_and_goes_on_where_it_was(tmp_path: Path, tiny_folder: Path, data: Path) -> None:
    result = train(tmp_path, tiny_folder, data, "--what", "ask", "--method", "lora", rank=2)
    assert result.exit_code == 0, result.output
    assert "BOOKCHORUS_ASKER" in result.output
    notes = json.loads((tmp_path / "skill" / "asker.json").read_text())
    assert (notes["recipe"]["what"], notes["recipe"]["method"]) == ("ask", "lora")
    assert [loss["step"] for loss in notes["metrics"]["heldout"]] == [0, 2, 3]
    assert all(loss["answered"] > 0 for loss in notes["metrics"]["heldout"])
    assert len(notes["data"]["learned_from"]) == 2
    asker = tmp_path / "skill" / "asker.safetensors"
    assert skill_from_bytes(asker.read_bytes()).method == "lora"
    # It is no reader: nothing is fitted, nothing registered.
    assert not (tmp_path / "skill" / "skill.safetensors").exists()
    assert not (tmp_path / "data" / "bookchorus.db").exists()
    before = asker.read_bytes()
    assert train(tmp_path, tiny_folder, data, "--what", "ask", "--method", "lora", rank=2).exit_code == 0
    assert asker.read_bytes() == before
    reads = train(tmp_path, tiny_folder, data, "--method", "lora", rank=2)
    assert reads.exit_code == 1
    assert "belongs to another recipe" in reads.output
