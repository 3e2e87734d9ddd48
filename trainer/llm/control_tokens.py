"""Plain text for tokenizers that would obey it: control tokens in it are spelled out."""

import json
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase


def plain_tokenizer(tokenizer: PreTrainedTokenizerBase) -> Tokenizer | None:
    """A tokenizer that gives the same ids but never a control token, where `split_special_tokens` does not.

    A unigram vocabulary (T5's) holds `</s>` and `<extra_id_0>` as words too, the likeliest of all: as words
    they get names that no text can match. None for tokenizers of another kind. The token for unknown
    characters stays: it stands for text.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    settings: dict[str, Any] = {} if backend is None else json.loads(backend.to_str())
    if settings.get("model", {}).get("type") != "Unigram":
        return None
    control = set(tokenizer.all_special_ids)
    words = settings["model"]["vocab"]
    # Text is cut at whitespace before it is looked up, or its spaces are another character by then.
    settings["model"]["vocab"] = [
        [f" {number}", score] if number in control else [word, score]
        for number, (word, score) in enumerate(words)
    ]
    settings |= {"added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
    return Tokenizer.from_str(json.dumps(settings))
