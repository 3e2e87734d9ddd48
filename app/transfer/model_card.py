"""The model card of an exported member: what it is, where it comes from, and how PEFT loads it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from app.transfer.card_parts import MERGED, card, llm_facts, loading_code, plain
from app.transfer.manifest import Manifest
from trainer.llm import templates
from trainer.llm.frozen_llm import FrozenLLM
from trainer.options import Method
from trainer.recipe import placement_of

# What a folder holds: a member of a method, one with the skill before it, or one LoRA that is a skill and a
# member.
Kind = Method | Literal["with skill", "lora with skill"]

# The folder of a skill that is a LoRA, and the end of the names of those that hold a member with its skill.
# Both can be made again, so an import leaves them out.
SKILL = "skill"
WITH_SKILL = "-with-skill"
_PRECISION = (
    "With the LLM's weights in the same dtype and quantization, PEFT's losses are the service's to 0.001 (nf4"
    " on a CPU: to 0.01); in others they differ by what those round."
)
_MERGED_PRECISION = (
    "PEFT's losses in float32 are those of a service in float32 to 0.001; in other dtypes and quantizations"
    " they differ by what those round."
)
_NOT_IN_FORCE = (
    "No folder here holds both, since the service that made this export has another skill in force."
)
_TAGS: dict[Kind, str] = {
    "prompt": "prompt-tuning",
    "prefix": "cartridge",
    "lora": "lora",
    "with skill": "prefix-tuning",
    "lora with skill": "lora",
}
_LICENCE = (
    "These numbers were learned from the text of a book and may give parts of it back: whoever may share the"
    " book may share them. The LLM has a licence of its own."
)


@dataclass(frozen=True)
class Behind:
    """The skill that an export's members were learned behind.

    It `is_lora` and then has a folder of its own; it is `in_force` where the LLM that is loaded has this
    skill and no other: elsewhere nothing can be computed behind it.
    """

    is_lora: bool
    in_force: bool


def model_card(manifest: Manifest, member: int, kind: Kind, llm: FrozenLLM, behind: Behind | None) -> str:
    """The README.md of a member's adapter.

    `llm` is the one that is loaded where the export is made; `behind` is None where the skill cannot be had.
    """
    base = manifest.version.base_model
    folder = f"member-{member}" + (WITH_SKILL if kind in ("with skill", "lora with skill") else "")
    steps = [f"model = PeftModel.from_pretrained(llm, {json.dumps(folder)}).eval()"]
    if kind == "with skill" and behind is not None and behind.is_lora:
        steps = [MERGED.format(folder=json.dumps(SKILL)), *steps]
    pieces = (
        asked(llm, turn=kind == "lora with skill") if manifest.has_skill else ["The first words of a text"]
    )
    return card(
        _TAGS[kind],
        f"{plain(manifest.book.title)}: member {member} of version {manifest.version.number}",
        _what(manifest, member, kind, llm, behind),
        _facts(manifest, member),
        loading_code(llm, base, steps, pieces),
        base,
        _LICENCE,
    )


def asked(llm: FrozenLLM, *, turn: bool) -> list[str]:
    """What the LLM reads behind a skill, each piece encoded by itself; with `turn`, its beginning, too."""
    beginning = str(llm.tokenizer.decode(templates.turn_start(llm))) if turn else ""
    ending = str(llm.tokenizer.decode(llm.template("")[1]))
    pieces = [beginning, "A passage of the book.", "\n\n", "Question: What do you want to know?", ending]
    return pieces if beginning else pieces[1:]


def _facts(manifest: Manifest, member: int) -> dict[str, str]:
    version, book = manifest.version, manifest.book
    base, one = version.base_model, version.members[member]
    title = plain(book.title) + (f" by {plain(book.author)}" if book.author else "")
    return {
        "book": f"{title}; its text has the SHA-256 `{book.sha256}` (revision {version.revision})",
        "version": f"{version.number} (`{version.id}`), learned on {_day(version.created_at)}",
        "member": f"{one.member} of 0 to {len(version.members) - 1}, seed {one.seed}, SHA-256 `{one.sha256}`",
        **llm_facts(base),
        "weights as it learned": f"{base.dtype}, quantization {base.quantization}",
        "held-out loss, nats per token": f"{_loss(one.loss_before)} before, {_loss(one.loss_after)} after,"
        f" {_loss(version.metrics.get('bare_loss'))} without it",
        "skill": _behind(manifest),
        "recipe": plain(json.dumps(version.recipe)),
        "libraries": _named(version.libraries),
        "learned from (SHA-256)": _named(version.data),
    }


def _behind(manifest: Manifest) -> str:
    """The skill that the version was learned behind."""
    if manifest.skill is not None:
        return f"`{manifest.skill.id}`, SHA-256 `{manifest.skill.sha256}`"
    if manifest.instruction is not None:
        return f"none was learned: the hand-written instruction, SHA-256 `{plain(manifest.instruction)}`"
    return "none"


def _what(manifest: Manifest, member: int, kind: Kind, llm: FrozenLLM, behind: Behind | None) -> str:
    if kind == "lora with skill":
        return _both_loras(llm)
    if kind == "with skill":
        here = llm.identity
        computed = f"Computed with weights in {here.dtype}, quantization {here.quantization}."
        if behind is not None and behind.is_lora:
            return (
                f"What the LLM keeps of a member learned from the book, once the adapter `{SKILL}`, which"
                " says how to answer from a passage, is merged into its weights; for PEFT to put in front of"
                f" a text on that LLM. {computed} {_MERGED_PRECISION}"
            )
        return (
            "What the LLM keeps of a skill, which says how to answer from a passage, and behind it of"
            f" a member learned from the book, for PEFT to put in front of a text. {computed} {_PRECISION}"
        )
    alone = _ALONE[kind]
    if placement_of(manifest.version.recipe) == "behind":
        return (
            f"{alone} It was learned behind a skill and between a passage and the question about it, where"
            " PEFT cannot put it: in front of a text it does not give the losses below. To import it again is"
            " to have it where it was."
        )
    if not manifest.has_skill:
        return f"{alone} {_PRECISION}"
    if kind == "lora" and behind is not None and not behind.is_lora:
        return (
            f"{alone} It was learned behind a skill, which PEFT cannot put beside LoRA: alone it does"
            " not give the losses below. To import it again is to have both."
        )
    stated = f"{alone} It was learned behind a skill, and alone does not give the losses below"
    if behind is None:
        return f"{stated}. The skill is not in this export."
    if not behind.in_force:
        return f"{stated}. {_NOT_IN_FORCE}" + (f" The skill is in `{SKILL}`." if behind.is_lora else "")
    return f"{stated}: `member-{member}{WITH_SKILL}` does."


def _both_loras(llm: FrozenLLM) -> str:
    both = (
        "Low-rank changes of the LLM's linear layers that hold two things: a skill, which says how to answer"
        " from a passage, and a member learned from the book. They are one LoRA adapter for the bare LLM."
    )
    if not templates.turn_start(llm):
        return f"{both} {_MERGED_PRECISION}"
    return (
        f"{both} The service reads the beginning of a turn, the first of the `pieces`, with the skill alone."
        f" Where PEFT does so with the adapter `{SKILL}`, and reads the rest with this one after the keys and"
        " values of that, it gives the service's losses in float32 to 0.001. With this adapter for all of the"
        " text, as below, losses differ by what the member changes in that beginning."
    )


_ALONE: dict[Kind, str] = {
    "prompt": "A soft prompt learned from the book: a prompt-tuning adapter.",
    "prefix": "Keys and values for every layer, learned from the book: a cartridge, of which the first"
    " position has not learned.",
    "lora": "Low-rank changes of the LLM's queries and values, learned from the book: a LoRA adapter.",
}


def _named(values: Mapping[str, object]) -> str:
    return ", ".join(f"{plain(name)} `{value}`" for name, value in sorted(values.items())) or "not recorded"


def _loss(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "not measured"


def _day(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d")
