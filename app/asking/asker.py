"""The asker of an LLM: from the files that come with the package, from a file of the user, or none."""

import json
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from app.answering.skill import shipped_notes
from app.engine.version_skill import skill_digest
from app.errors import CommandError
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.tensors import FormatError
from trainer.skill.skill import Skill, SkillMismatchError, skill_from_bytes

# The folder of askers that comes with the package. An asker is the two files that
# `bookchorus skill train --what ask` writes, under any name: the tensors, and the notes with its LLM.
SHIPPED = resources.files(__package__) / "data"


@dataclass(frozen=True)
class LoadedAsker:
    """An asker, the SHA-256 of its bytes, in hex, and digests of the stories that it has learned from."""

    skill: Skill
    digest: str
    learned_from: frozenset[str] = frozenset()


def load_asker(wanted: str, llm: FrozenLLM, shipped: Traversable = SHIPPED) -> LoadedAsker | None:
    """The asker that a setting names: the `shipped` one of this LLM where there is one, `none`, or a file.

    CommandError: the file cannot be read, is no skill, or is not this LLM's.
    """
    if wanted == "none":
        return None
    if wanted == "shipped":
        return shipped_asker(llm.identity.id, shipped)
    file = Path(wanted).expanduser()
    notes = file.with_suffix(".json")
    try:
        asker = _loaded(file.read_bytes(), notes.read_text(encoding="utf-8") if notes.exists() else "{}")
        asker.skill.deltas(llm)
        with asker.skill.in_turn(llm):
            asker.skill.context(llm)
    except (OSError, FormatError, SkillMismatchError, json.JSONDecodeError) as error:
        raise CommandError(f"BOOKCHORUS_ASKER: {error}") from error
    return asker


def shipped_asker(llm_id: str, shipped: Traversable = SHIPPED) -> LoadedAsker | None:
    """The asker that comes with the package for an LLM, or None."""
    for name, notes in shipped_notes(shipped).items():
        if notes["llm"]["id"] == llm_id:
            return _loaded((shipped / f"{name}.safetensors").read_bytes(), json.dumps(notes))
    return None


def _loaded(artifact: bytes, notes: str) -> LoadedAsker:
    learned_from = json.loads(notes).get("data", {}).get("learned_from", [])
    return LoadedAsker(skill_from_bytes(artifact), skill_digest(artifact), frozenset(learned_from))
