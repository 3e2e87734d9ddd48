"""Versions that were learned behind a skill that is a LoRA: they leave a service, and come back."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from app.answering.skill import LoadedSkill
from tests.service.conftest import service
from tests.service.test_self_study import RECIPE, register
from tests.service.test_transfer import learned
from tests.tiny import STORY
from tests.trainer.methods.test_peft_adapters import elsewhere
from tests.trainer.methods.test_peft_lora_skill import lora_skill, loss
from tests.warm.commands import python
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.methods.dispatch import member_from_bytes
from trainer.methods.peft_adapters import WEIGHTS
from trainer.skill.skill import skill_from_bytes


def test_a_version_behind_a_lora_leaves_with_it_and_comes_back(
    tmp_path: Path, tiny_folder: Path, llm: FrozenLLM, skill: LoadedSkill
) -> None:
    artifact = lora_skill(llm).to_bytes()
    kept = skill_from_bytes(artifact)
    registered = register(tmp_path, llm, replace(skill, skill=kept, artifact=artifact))
    out = tmp_path / "out"
    with service(tmp_path, "--model", str(tiny_folder), dtype="float32") as client:
        book = learned(client, STORY, RECIPE)
        asked = client.ask("Who kept a green lamp?", books=[book], seed=1)
        client.transfer.export(book, "latest", out)
        imported = client.transfer.import_(book, out)
        assert (imported.skill, len(imported.members)) == (registered, 3)
        again = client.ask("Who kept a green lamp?", books=[f"{book}@{imported.number}"], seed=1)
        assert (again.answer, again.confidence) == (asked.answer, asked.confidence)

    for folder in ("skill", "member-0-with-skill"):
        card = (out / folder / "README.md").read_text()
        [code] = re.findall(r"```python\n(.*?)\n```", card, re.DOTALL)
        command = python("-W", "ignore", "-c", code, imported="libraries")
        subprocess.run(command, cwd=out, capture_output=True, check=True)

    exact = load(str(tiny_folder), device="cpu", dtype="float32", cache_dir=tmp_path)
    kept.equip(exact)
    context = kept.context(exact)
    turn, answer = exact.encode(STORY[:150] + "Who kept a lamp?"), exact.encode(" Mira")
    folders = [f"member-{number}" for number in range(3)]
    found = elsewhere(
        str(tiny_folder),
        [str(out / f"{one}-with-skill") for one in folders],
        turn,
        answer,
        merged=(str(out / "skill"),),
    )
    for folder, (there, _) in zip(folders, found, strict=True):
        member = member_from_bytes("prompt", (out / folder / WEIGHTS).read_bytes(), exact)
        here = loss(exact, member.contexts(exact, context)[0], turn, answer)
        assert there == pytest.approx(here, abs=1e-3)
