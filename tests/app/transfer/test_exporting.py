"""What an export and an inspection say of a version whose skill the LLM has, or has not."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.answering.skill import LoadedSkill, active_skill, register_skill
from app.engine.runner import DirectRunner, Runner
from app.engine.scheduler import Scheduler
from app.inspection import inspect
from app.transfer.exporting import export
from store import versions
from tests.app.training.test_job_runner import GOOD, Desk
from tests.databases import new_database
from tests.trainer.methods.test_peft_lora_skill import lora_skill
from trainer.llm.loading import load

RECIPE = {**GOOD, "epochs": 1, "rank": 2}


@pytest.fixture
def desk(tiny_folder: Path, tmp_path: Path, skill: LoadedSkill) -> Iterator[Desk]:
    """A book with a prefix (1) and a LoRA (2) behind the instruction, then with the same (3, 4) and a prompt
    (5) behind a LoRA, which the LLM now has.
    """
    llm = load(str(tiny_folder), device="cpu", dtype="float32", cache_dir=tmp_path)
    database, scheduler = new_database(tmp_path / "bookchorus.db"), Scheduler(llm)
    desk = Desk(database, scheduler, tmp_path)
    for method in ("prefix", "lora"):
        desk.learn({**RECIPE, "method": method})
    learned = lora_skill(llm)
    register_skill(database, llm.identity, replace(skill, skill=learned, artifact=learned.to_bytes()))
    desk.skill = active_skill(database, llm)
    for method in ("prefix", "lora", "prompt"):
        desk.learn({**RECIPE, "method": method})
    yield desk
    scheduler.close()
    database.close()


def files(desk: Desk, number: int, runner: Runner | None = None) -> dict[str, str]:
    """The first member's and the skill's model cards, by folder."""
    with desk.database.read() as session:
        found = export(session, versions.get(session, desk.book.id, number), desk.members)
    written = dict(found.files(runner or desk.scheduler))
    assert all(name.replace("README.md", "adapter_config.json") in written for name in written)
    cards = {name.partition("/")[0]: data.decode() for name, data in written.items() if name.endswith(".md")}
    return {folder: card for folder, card in cards.items() if not folder.startswith("member-1")}


def moved(desk: Desk, number: int, runner: Runner | None = None) -> list[bool]:
    found = inspect(desk.database, desk.members, runner or desk.scheduler, desk.book.id, number)
    return [look.moved is not None for look in found.members]


def code(card: str) -> str:
    [found] = re.findall(r"```python\n(.*?)\n```", card, re.DOTALL)
    return str(found)


def test_only_what_the_llm_has_in_force_is_combined_with_members(desk: Desk, tiny_folder: Path) -> None:
    merging = 'PeftModel.from_pretrained(llm, "skill").merge_and_unload()'
    # The instruction was read by an LLM that is another now.
    prefix = files(desk, 1)
    assert list(prefix) == ["member-0"]
    assert "the service that made this export has another skill in force" in prefix["member-0"]
    assert "PEFT cannot put beside LoRA" in files(desk, 2)["member-0"]
    assert moved(desk, 1) == [False, False]
    assert moved(desk, 2) == [True, True]

    for number in (3, 5):
        cards = files(desk, number)
        assert list(cards) == ["skill", "member-0", "member-0-with-skill"]
        assert merging in code(cards["member-0-with-skill"])
        assert merging not in code(cards["member-0"])
        assert merging in code(cards["skill"])
        assert '`PeftModel.from_pretrained(llm, "member-0-with-skill")`' in cards["skill"]
    both = files(desk, 4)
    assert list(both) == ["skill", "member-0", "member-0-with-skill"]
    assert merging not in code(both["member-0-with-skill"])
    assert '["<|im_start|>user\\n", ' in code(both["member-0-with-skill"])
    assert "`member-0-with-skill` does." in both["member-0"]
    assert "goes on the bare LLM" in both["skill"]
    assert [moved(desk, number) for number in (3, 4, 5)] == [[True, True]] * 3

    # A service whose LLM has no such skill.
    llm = load(str(tiny_folder), device="cpu", dtype="float32", cache_dir=tiny_folder.parent)
    runner = DirectRunner(llm)
    assert list(files(desk, 1, runner)) == ["member-0", "member-0-with-skill"]
    for number in (3, 4):
        cards = files(desk, number, runner)
        assert list(cards) == ["skill", "member-0"]
        assert "another skill in force. The skill is in `skill`." in cards["member-0"]
    assert moved(desk, 3, runner) == [False, False]
