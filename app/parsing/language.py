"""BCP 47 tags for the names that files give to languages."""

import re

# The ISO 639-2 codes and English names in old files, by the short code that BCP 47 asks for.
_SHORT = {
    name: short
    for short, names in {
        "ar": "ara arabic",
        "ca": "cat catalan",
        "cs": "cze ces czech",
        "da": "dan danish",
        "de": "ger deu german",
        "el": "gre ell greek",
        "en": "eng english",
        "eo": "epo esperanto",
        "es": "spa spanish",
        "et": "est estonian",
        "eu": "baq eus basque",
        "fa": "per fas persian",
        "fi": "fin finnish",
        "fr": "fre fra french",
        "ga": "gle irish",
        "he": "heb hebrew",
        "hi": "hin hindi",
        "hu": "hun hungarian",
        "id": "ind indonesian",
        "it": "ita italian",
        "ja": "jpn japanese",
        "ko": "kor korean",
        "la": "lat latin",
        "lt": "lit lithuanian",
        "ne": "nep nepali",
        "nl": "dut nld dutch",
        "no": "nor norwegian",
        "pl": "pol polish",
        "pt": "por portuguese",
        "ro": "rum ron romanian",
        "ru": "rus russian",
        "sr": "srp serbian",
        "st": "sot sesotho",
        "sv": "swe swedish",
        "tr": "tur turkish",
        "uk": "ukr ukrainian",
        "yi": "yid yiddish",
        "zh": "chi zho chinese",
    }.items()
    for name in names.split()
}
_TAG = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}")


def tag(name: str | None) -> str | None:
    """Return the BCP 47 tag for a language's name in a file; None if it is no tag and no known name.

    Of several names, separated by commas or semicolons, the first counts.
    """
    first = re.split(r"[,;]", name or "")[0].strip().replace("_", "-").partition(".")[0]
    language, mark, rest = first.partition("-")
    language = _SHORT.get(language.lower(), language.lower())
    found = f"{language}{mark}{rest}"
    return found if _TAG.fullmatch(found) and language != "und" else None
