# ruff: noqa: RUF001 - letters of many scripts
"""The words of texts and of questions, cut and folded alike, in any script.

A word is cut at no combining mark. Folding takes from it what readers leave out when they type: accents,
points and strokes of letters, and the particles of Korean nouns.
"""

import unicodedata

import regex

# Scripts written without spaces between words, where each character counts as a word: Thai to Myanmar, Khmer,
# kana, Chinese characters.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# Soft hyphens, joiners, marks of direction, variation selectors, and tatweel, which stretches Arabic words.
_IGNORED = regex.compile(r"[\p{Cf}\p{Variation_Selector}\u034f\u0640]+")
# Letters that stand for apostrophes, and the point within a Catalan ll.
_APOSTROPHES = regex.compile("[\u02bb\u02bc]")
_ELL = regex.compile("(?<=l)\u00b7(?=l)", regex.IGNORECASE)
_POSSESSIVE = regex.compile(r"['\u2019]s\b")
# Thousands are parted by signs, or by a space that no line is broken at; in India, lakhs by commas.
_PARTED = regex.compile(
    r"(?<![\d.,])(?:\d{1,2}(?:,\d{2})+,\d{3}|\d{1,3}([,.'\u2019\u066c\u00a0\u2009\u202f])\d{3}(?:\1\d{3})*)(?!\d|[.,]\d)"
)
_SPACED = regex.compile(r"(?<![\w.,])\d{1,3}(?: \d{3})+(?![\w]|[.,]\d)")
_BROKEN = regex.compile(r"(\p{L}+)[-\u2010]\n\s*(\p{L}+)")
_WORD = regex.compile(
    rf"[{_UNSPACED}]|[^\W_{_UNSPACED}][^\W_{_UNSPACED}\p{{M}}]*(?:\p{{M}}+[^\W_{_UNSPACED}]*)*"
)
# Letters that have no decomposition, as people type them who do not have them.
_LETTERS = str.maketrans(
    {
        **{
            "ø": "o",
            "ł": "l",
            "đ": "d",
            "ħ": "h",
            "ŧ": "t",
            "ı": "i",
            "ŀ": "l",
            "ŋ": "n",
            "ð": "d",
            "ə": "e",
        },
        **{"æ": "ae", "œ": "oe", "þ": "th"},
        # Arabic and Persian letters that are written for one another; a hamza on its letter is a mark.
        **{"ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ٱ": "ا"},
        # Hebrew letters at the ends of words.
        **{"ך": "כ", "ם": "מ", "ן": "נ", "ף": "פ", "ץ": "צ"},
    }
)
# The dot below of letters that Devanagari, Bengali and Gurmukhi take from other languages.
_NUKTAS = frozenset("\u093c\u09bc\u0a3c")
# In these scripts marks are left out; in all others they are letters.
_MARKS_LEFT_OUT = ("LATIN", "GREEK", "CYRILLIC", "HEBREW", "ARABIC")
# Letters of Cyrillic that only look like others with a mark.
_OWN_LETTERS = frozenset(("и\u0306", "у\u0306", "і\u0308"))
_HANGUL = regex.compile(r"[\uac00-\ud7a3]{2,}")
# Korean particles, the longest first. Some follow consonants alone, some vowels: the name 지은 ends in none.
_OPEN = "".join(map(chr, range(0xAC00, 0xD7A4, 28)))
_PARTICLE = regex.compile(
    "(?<=[\uac00-\ud7a3])(?:에서는|에게서|에게는|입니다|이었다|까지|부터|에서|에게|에는|께서|한테|처럼|보다|라고|이다|의|에|로|도|만)$"
    f"|(?<=[\uac00-\ud7a3--{_OPEN}])(?:으로서|으로써|이라고|으로|이나|이며|은|이|을|과)$|(?<=[{_OPEN}])(?:였다|는|가|를|와)$",
    regex.V1,
)


def words(text: str) -> list[str]:
    """Return the words of a text in order: case folded, of compatible signs the plain ones (NFKC), without
    soft hyphens, joiners and what parts thousands. Behind them are the words that a hyphen may part at the
    end of a line, whole, and the numbers whose thousands a space may part.
    """
    text = _PARTED.sub(_figures, _IGNORED.sub("", text))
    text = unicodedata.normalize("NFKC", _APOSTROPHES.sub("'", text)).casefold()
    found: list[str] = _WORD.findall(_POSSESSIVE.sub("", _ELL.sub("", text)))
    joined = ["".join(parts) for parts in _BROKEN.findall(text)]
    return found + joined + [_figures(number) for number in _SPACED.finditer(text)]


def folded(word: str) -> str:
    """Return a word without what readers leave out, in figures of ASCII."""
    if word.isascii():
        return word
    if _HANGUL.fullmatch(word):
        return str(_PARTICLE.sub("", word))
    kept: list[str] = []
    for sign in unicodedata.normalize("NFD", word):
        if sign.isdecimal():
            kept.append(str(unicodedata.decimal(sign)))
        elif not kept or not unicodedata.combining(sign) or not _leaves_out(kept[-1], sign):
            kept.append(sign)
    return unicodedata.normalize("NFC", "".join(kept)).translate(_LETTERS)


def folded_words(text: str) -> list[str]:
    """Return the words of a text, folded, each once, in order."""
    return list(dict.fromkeys(filter(None, map(folded, words(text)))))


def _figures(number: regex.Match[str]) -> str:
    return "".join(sign for sign in number[0] if sign.isdecimal())


def _leaves_out(letter: str, mark: str) -> bool:
    if mark in _NUKTAS:
        return True
    return letter + mark not in _OWN_LETTERS and unicodedata.name(letter, "").startswith(_MARKS_LEFT_OUT)
