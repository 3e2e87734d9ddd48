"""Encodes text that looks like control tokens as plain text."""

import json
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase


def without_control_tokens(tokenizer: PreTrainedTokenizerBase) -> Tokenizer | None:
    """A tokenizer that gives the same ids for text but never a control token; None where it is not needed.

    A unigram vocabulary (T5's) holds `</s>` and `<extra_id_0>` as words too, and the likeliest ones, so
    `split_special_tokens` does not keep them out. Here they get names that no text contains. The token for
    unknown characters stays, since it stands for text.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    settings: dict[str, Any] = {} if backend is None else json.loads(backend.to_str())
    if settings.get("model", {}).get("type") != "Unigram":
        return None
    control = set(tokenizer.all_special_ids)
    words = settings["model"]["vocab"]
    # No lookup contains a space: text is split at whitespace before, or its spaces are replaced.
    settings["model"]["vocab"] = [
        [f" {number}", score] if number in control else [word, score]
        for number, (word, score) in enumerate(words)
    ]
    settings |= {"added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
    return Tokenizer.from_str(json.dumps(settings))


def splitting_control_tokens(tokenizer: Tokenizer) -> Tokenizer:
    """A copy of a tokenizer that always spells control tokens out, whatever is set on the one given."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    copy.encode_special_tokens = True
    return copy
