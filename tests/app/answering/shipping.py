"""A folder of a package's skills, in which skills are put as `bookchorus skill train` writes them."""

import json
from dataclasses import asdict
from pathlib import Path

from app.answering.skill import LoadedSkill
from trainer.llm.frozen_llm import Identity


def ship(folder: Path, identity: Identity, skill: LoadedSkill, name: str = "tiny") -> Path:
    """Put the skill of an LLM into the folder, in place of the one of this name."""
    folder.mkdir(exist_ok=True)
    notes = {
        "llm": {**asdict(identity), "name": "a tiny LLM"},
        "recipe": skill.recipe,
        "data": skill.data,
        "metrics": skill.metrics,
        **skill.fitted,
    }
    (folder / f"{name}.safetensors").write_bytes(skill.artifact)
    (folder / f"{name}.json").write_text(json.dumps(notes), encoding="utf-8")
    return folder


def louder(skill: LoadedSkill, factor: float) -> LoadedSkill:
    """A skill with other bytes and all else as it was."""
    tensors = skill.skill.with_tensors([factor * tensor for tensor in skill.skill.tensors.values()])
    return LoadedSkill(
        tensors,
        tensors.to_bytes(),
        skill.weighting,
        skill.recipe,
        skill.data,
        skill.metrics,
        skill.calibration,
    )
