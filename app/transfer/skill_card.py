"""The model card of a skill that is a LoRA: what it is, and how members are loaded on it."""

import json

from app.transfer.card_parts import MERGED, card, llm_facts, loading_code, plain
from app.transfer.manifest import Manifest
from app.transfer.model_card import SKILL, WITH_SKILL, Behind, asked
from trainer.llm.frozen_llm import FrozenLLM
from trainer.options import Method

_WHAT = (
    "Low-rank changes of the LLM's linear layers, which say how to answer from a passage: a LoRA adapter."
    " They were learned once, on no book of the library, and the version's members were learned behind them."
    " The code merges them into the LLM's weights and asks without a member."
)
_LICENCE = "What the skill was learned from has licences of its own, as has the LLM."


def skill_card(manifest: Manifest, method: Method, llm: FrozenLLM, behind: Behind) -> str:
    """The README.md of the skill; `method` is the members', `llm` the one that is loaded here."""
    version, skill = manifest.version, manifest.skill
    assert skill is not None
    merged = MERGED.format(folder=json.dumps(SKILL))
    facts = llm_facts(version.base_model) | {
        "skill": f"{skill.number} (`{skill.id}`), SHA-256 `{skill.sha256}`",
        "version learned behind it": f"{version.number} (`{version.id}`) of {plain(manifest.book.title)}",
    }
    return card(
        "lora",
        f"Skill {skill.number} of {plain(version.base_model.id)}",
        f"{_WHAT} {_members(method, behind)}",
        facts,
        loading_code(llm, version.base_model, [merged, "model = llm.eval()"], asked(llm, turn=True)),
        version.base_model,
        _LICENCE,
    )


def _members(method: Method, behind: Behind) -> str:
    """How a member is loaded on the LLM with the skill."""
    both = f"member-0{WITH_SKILL}"
    if method != "lora" and behind.in_force:
        return f'A member goes on that LLM: `PeftModel.from_pretrained(llm, "{both}")`.'
    stated = 'A member goes on that LLM: `PeftModel.from_pretrained(llm, "member-0")`'
    return (
        f"{stated}; `{both}` holds the skill too and goes on the bare LLM."
        if behind.in_force
        else f"{stated}."
    )
