"""Answers as they are compared: by their words, whatever their case, punctuation and articles."""

import re
import unicodedata


def normalised(text: str) -> str:
    """Lower case, without punctuation, English articles or doubled spaces, as SQuAD compares answers
    (1606.05250).

    An answer of nothing but punctuation or articles is no answer: the empty string.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = re.sub(r"[^\w\s]|_", " ", plain).split()
    return " ".join(word for word in words if word not in {"a", "an", "the"})
