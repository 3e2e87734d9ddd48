# ruff: noqa: RUF001 - letters of many scripts
"""Guesses the encoding of a text from before Unicode, by how much each reading looks like writing.

A reading costs something for each character beyond ASCII that its language has not or seldom, for each that
stands where none of its kind does, and for being less probable to chardet. The cheapest reading, per
character, is taken.
"""

import codecs
import unicodedata
from collections import Counter
from functools import lru_cache

import chardet
import regex

from app.parsing.alphabets import CYRILLIC, LATIN

# Of readings that look alike the first is taken.
_ENCODINGS = (
    *(
        "cp1252",
        "cp1251",
        "gb18030",
        "cp932",
        "euc_jp",
        "cp949",
        "big5hkscs",
        "cp950",
        "cp1250",
        "koi8_r",
        "koi8_u",
        "mac_roman",
        "mac_cyrillic",
    ),
    *("iso8859_15", "iso8859_2", "cp1253", "iso8859_7", "cp1254", "cp1256", "cp1255", "iso8859_8", "cp874"),
    *(
        "iso8859_9",
        "cp1257",
        "iso8859_13",
        "iso8859_5",
        "iso8859_6",
        "cp1258",
        "cp850",
        "cp437",
        "cp866",
        "cp852",
    ),
    *("cp865", "cp861", "cp857", "cp860", "cp863", "cp1125", "cp862", "cp720", "cp737"),
    *(
        "cp775",
        "cp855",
        "cp869",
        "mac_latin2",
        "mac_turkish",
        "mac_greek",
        "mac_iceland",
        "iso8859_4",
        "iso8859_3",
    ),
    *("iso8859_10", "iso8859_16", "johab"),
)
_EARLIER = 0.002
# Names of several languages tell encodings less well apart: the frequent ones weigh more.
_EARLIER_IF_MIXED = 0.01
# How many of chardet's guesses are tried, how many encodings in any case, and what it costs to be no guess.
_GUESSES, _ALWAYS = 16, 10
_GUESSED = 0.25
# With so few guesses, all are tried.
_FEW = 3
_SAMPLE = 4_096
# Bytes that are no text are less probable, to chardet, than this; so are the shortest texts.
_LEAST_PROBABLE, _MOST_UNSURE = 0.05, 0.2
# A text whose cheapest reading costs more for each character is none.
_MOST = 0.75
_EASTERN = {
    "gb18030": "zh",
    "big5hkscs": "zh-Hant",
    "cp950": "zh-Hant",
    "cp932": "ja",
    "euc_jp": "ja",
    "cp949": "ko",
    "johab": "ko",
}
_ALIEN, _NO_SIGN, _SELDOM = 1.2, 4.0, 0.015
# What is common in print beside letters.
_PRINT = frozenset("“”‘’«»‹›–—…¿¡·•§©®°€\u00a0ªº、。「」『』，．！？：；（）《》〈〉【】　・ー～￥〜″′№")
_CJK = r"[\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}]"
# Those of ASCII, such as the brackets of markup, are the same in each reading.
_SIGN = r"(?:(?![\x00-\x7f])[\p{So}\p{Sk}\p{Sm}\p{No}ªº¢¤¥£€§¡¿†‡‰•¶‚„«»“”‹›¦])"
# Where no character of the kind stands, and what each costs.
_MISPLACED = tuple(
    (regex.compile(pattern), cost)
    for pattern, cost in (
        # A capital behind a small letter, a small one between capitals, a sign within a word or behind a
        # letter, a fraction before one.
        (r"(?![a-z][A-Z])\p{Ll}\p{Lu}", 3.0),
        (r"\p{Lu}(?![a-z])\p{Ll}(?=\p{Lu})", 3.0),
        # A letter before a figure, one that stands alone.
        (r"(?![A-Za-z])[\p{Latin}\p{Cyrillic}\p{Greek}](?=\d)", 0.8),
        (r"(?<!\p{L})(?![A-Za-zàéèóøåöÀÉÈÓØÅÖáÁêÊôÔíÍ])\p{Latin}(?!\p{L})", 0.6),
        (r"(?<!\p{L})(?![οηόήΟΗΌΉو])[\p{Hebrew}\p{Greek}\p{Arabic}\p{Thai}](?!\p{L})|°(?=\d)", 0.6),
        (rf"(?<=\p{{L}}){_SIGN}+(?=\p{{L}})", 1.5),
        (r"(?<=\p{L})(?![\x00-\x7f])[\p{So}\p{Sk}\p{Sm}\p{No}¢¤¥£€¦‰¡¿„‚](?!\p{L})", 1.0),
        (r"(?<!\p{L})(?!°[CF])[½¼¾¹²³‰†‡ˆ˜¨´¸¯¬¦±÷¢¤°](?=\p{L})", 1.0),
        # Scripts that do not mix; many accents at once.
        (r"\p{Latin}(?=[\p{Greek}\p{Cyrillic}\p{Hebrew}\p{Arabic}\p{Thai}])", 1.5),
        (r"[\p{Greek}\p{Cyrillic}\p{Hebrew}\p{Arabic}\p{Thai}](?=\p{Latin})", 1.5),
        (r"(?:(?![A-Za-z])\p{Latin}){4,}", 4.0),
        (rf"[a-z](?={_CJK})|{_CJK}(?=[a-z])", 1.0),
        (r"(?!\p{Hangul})%s (?!\p{Hangul})(?=%s)" % (_CJK, _CJK), 0.5),  # noqa: UP031 - braces
        (r"\p{Hangul}\p{Han}|\p{Han}\p{Hangul}", 0.4),
        # A sentence that begins small; letters for the ends of words; marks without a letter.
        (r"(?:\A|\n\s*\n|[.!?…][\"'”’»]?\s+)[\"'“‘«„]*(?![a-z])\p{Ll}", 1.5),
        (r"ς(?=\p{Greek})|σ(?!\p{Greek})|[ךםןףץ](?=\p{Hebrew})", 1.0),
        (r"(?<!\p{L})’(?=\p{Greek})", 1.0),
        (r"(?<![\p{L}\p{M}])\p{M}", 1.5),
        (r"[เ-ไ](?![ก-ฮ])|(?<![\p{Thai}])[\u0e30-\u0e3a\u0e47-\u0e4e]", 1.0),
    )
)
_FOREIGN = regex.compile(r"[^\x00-\x7f]")
# Capitals within words cost something, unless all are capitals.
_WITHIN, _COST_WITHIN = regex.compile(r"(?<=\p{L})(?![A-Z])\p{Lu}"), 0.05
_CAPITAL, _SMALL = regex.compile(r"(?![A-Z])\p{Lu}"), regex.compile(r"(?![a-z])\p{Ll}")
# So many capitals are no coincidence.
_MANY = 8


def likeliest(data: bytes, *, mixed: bool = False) -> list[str]:
    """Return the encodings in which bytes look like a text, the likeliest first; Python's names.

    `mixed`: what is beyond ASCII may come from several languages, as in a list of names.
    """
    shares, sure = _shares(data)
    few = len(shares) < _FEW
    earlier = _EARLIER_IF_MIXED if mixed else _EARLIER
    costs = {}
    for place, encoding in enumerate(_ENCODINGS):
        reading = data[:_SAMPLE].decode(encoding, "replace")
        share = shares.get(encoding, 0.0)
        if capitals := _is_all_capitals(reading):
            quiet, _ = _shares(reading.lower().encode(encoding, "ignore"))
            share = max(share, quiet.get(encoding, 0.0))
        if share or place < _ALWAYS or few:
            cost = _cost(reading, _EASTERN.get(encoding, ""), capitals, mixed)
            if cost <= (_MOST if sure else _MOST_UNSURE):
                costs[encoding] = cost + _GUESSED * (0.5 if few else 1) * (1 - share) + place * earlier
    return sorted(costs, key=lambda each: costs[each])


def _shares(data: bytes) -> tuple[dict[str, float], bool]:
    """The guesses of chardet, each as a share of the most probable one, and whether that is probable."""
    guesses = [guess for guess in chardet.detect_all(data) if guess["encoding"] is not None]
    shares = {
        codecs.lookup(str(guess["encoding"])).name.replace("-", "_"): guess["confidence"]
        / guesses[0]["confidence"]
        for guess in guesses[:_GUESSES]
    }
    return shares, bool(guesses) and guesses[0]["confidence"] >= _LEAST_PROBABLE


def _is_all_capitals(text: str) -> bool:
    """Whether nearly all letters beyond ASCII are capitals, which chardet knows seldom together."""
    capitals, small = (len(pattern.findall(text)) for pattern in (_CAPITAL, _SMALL))
    return capitals >= _MANY and capitals > 9 * small


def _cost(text: str, eastern: str, all_capitals: bool, mixed: bool) -> float:
    """What the characters beyond ASCII cost, on average; `eastern` is the language of an Eastern encoding."""
    counts = Counter(_FOREIGN.findall(text))
    total = sum(count * _sign_cost(sign, eastern) for sign, count in counts.items())
    for script, alphabets in (("LATIN", LATIN), ("CYRILLIC", CYRILLIC)):
        letters: Counter[str] = Counter()
        for sign, count in counts.items():
            if _script(sign) == script:
                letters[sign.lower()] += count
        costs = [
            [count * _letter_cost(letter, alphabet) for letter, count in letters.items()]
            for alphabet in alphabets.values()
        ]
        total += sum(map(min, zip(*costs, strict=True))) if mixed else min(map(sum, costs))
    if eastern == "ja" and not any(_script(sign) in ("HIRAGANA", "KATAKANA") for sign in counts):
        total += 0.1 * counts.total()
    total += sum(cost * len(pattern.findall(text)) for pattern, cost in _MISPLACED)
    if not all_capitals:
        total += _COST_WITHIN * len(_WITHIN.findall(text))
    return total / max(1, counts.total())


def _letter_cost(letter: str, alphabet: str) -> float:
    place = alphabet.find(letter)
    return _ALIEN if place < 0 else place * _SELDOM


@lru_cache(maxsize=65_536)
def _sign_cost(sign: str, eastern: str) -> float:
    script, category = _script(sign), unicodedata.category(sign)
    if sign == "\ufffd" or category in ("Co", "Cn"):
        return _NO_SIGN
    if category == "Cc":
        return 2.0
    if sign == "¤" or category == "Cf":
        return 1.0
    if sign in _PRINT or script == "FULLWIDTH":
        return 0.03
    if eastern and script not in ("LATIN", "HALFWIDTH"):
        return _eastern_cost(sign, script, eastern)
    if script in ("LATIN", "CYRILLIC"):
        return 0.02
    if category[0] in "LM":
        return 0.15 if script in ("GREEK", "HEBREW", "ARABIC", "THAI", "COMBINING") else 0.7
    return 0.3 if category in ("Sc", "No", "Pd", "Po", "Ps") else 1.0


# The standards of which the most frequent characters come first: those of these first bytes.
_STANDARDS = {
    "ja": ("shift_jis", 0x88, 0x97, 0.35),
    "zh": ("gb2312", 0xB0, 0xD7, 0.5),
    "zh-Hant": ("big5", 0xA4, 0xC6, 0.6),
    "ko": ("euc_kr", 0xB0, 0xC8, 0.6),
}


def _eastern_cost(sign: str, script: str, language: str) -> float:
    if script in ("HIRAGANA", "KATAKANA"):
        return 0.0 if language == "ja" else 1.0
    if script not in ("CJK", "HANGUL"):
        return 0.6
    encoding, first, last, seldom = _STANDARDS[language]
    try:
        lead = sign.encode(encoding)[0]
    except UnicodeEncodeError:
        return 0.8
    return 0.05 if first <= lead <= last else seldom


@lru_cache(maxsize=65_536)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]
