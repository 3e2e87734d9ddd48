"""Which stemmer the words of a book go through: that of its language, else one by each word's script."""

from collections import Counter
from collections.abc import Sequence

import Stemmer

# No language's stemmer: a word goes through that of its script, and stays as it is where there is none.
BY_SCRIPT = "script"
STEMMERS_OF_SCRIPTS = {
    "ARABIC": "arabic",
    "ARMENIAN": "armenian",
    "CYRILLIC": "russian",
    "DEVANAGARI": "hindi",
    "GREEK": "greek",
    "LATIN": "english",
    "TAMIL": "tamil",
}
# Snowball's stemmers of other languages, by the first part of a BCP 47 tag. They are written in Latin
# script, but for those below.
_STEMMERS_OF_LANGUAGES = {
    **{"ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "eo": "esperanto", "es": "spanish"},
    **{"et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish"},
    **{"hu": "hungarian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian"},
    **{"ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pl": "polish"},
    **{"pt": "portuguese", "ro": "romanian", "sr": "serbian", "st": "sesotho", "sv": "swedish"},
    **{"tr": "turkish", "yi": "yiddish"},
}
_SCRIPTS = {
    "nepali": ("DEVANAGARI",),
    "persian": ("ARABIC",),
    "serbian": ("CYRILLIC", "LATIN"),
    "yiddish": ("HEBREW",),
}
# Texts of fewer characters together do not tell their language.
_CHARACTERS = 200
# chardet looks at no more of a text than this.
_SAMPLE = 2048


def scripts_of(stemmer: str) -> tuple[str, ...]:
    """Return the scripts, as Unicode names them, that a language's stemmer is for."""
    return _SCRIPTS.get(stemmer, ("LATIN",))


def stemmer_of(language: str | None) -> str:
    """Return Snowball's name of the stemmer for a language, a BCP 47 tag; BY_SCRIPT where there is none, or
    where it is that of the script.
    """
    return _STEMMERS_OF_LANGUAGES.get((language or "").partition("-")[0].lower(), BY_SCRIPT)


def language_of(texts: Sequence[str]) -> str | None:
    """Return the language of a few passages of one book, the BCP 47 tag that chardet gives three in four of
    them; None if there is no such tag, or they are short.
    """
    if sum(map(len, texts)) < _CHARACTERS:
        return None
    import chardet  # slow, and most libraries say what language their books are in

    votes: Counter[str | None] = Counter()
    for text in texts:
        guess = chardet.detect(text[:_SAMPLE].encode(), include_encodings=["utf-8", "ascii"])
        votes[guess["language"]] += 1
    language, count = votes.most_common(1)[0]
    return language if 4 * count >= 3 * len(texts) else None


def form_of_stems() -> str:
    """Return what stems are made with: those of another form may be others."""
    return f"PyStemmer {Stemmer.version()}"
