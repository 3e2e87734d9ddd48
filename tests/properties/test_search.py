"""A book in any script, and of any language, is found by any word of it."""

import unicodedata
from functools import cache

import pytest
import regex
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from store.search.library_words import LibraryWords
from store.search.stemmers import BY_SCRIPT, stemmer_of
from store.search.stemming import asked_words
from store.search.words import folded, words

TAGS = (
    *(
        "ca",
        "cs",
        "da",
        "de",
        "eo",
        "es",
        "et",
        "eu",
        "fa",
        "fi",
        "fr",
        "ga",
        "hu",
        "id",
        "it",
        "lt",
        "nb",
        "ne",
    ),
    *("nl", "pl", "pt", "ro", "sr", "st", "sv", "tr", "yi", "en", "ru", "ar", "el", "ta", "hy", "hi", "zh"),
)

SCRIPTS = (
    *("Adlam", "Arabic", "Armenian", "Balinese", "Bengali", "Bopomofo", "Canadian_Aboriginal", "Cherokee"),
    *("Cyrillic", "Deseret", "Devanagari", "Ethiopic", "Georgian", "Greek", "Gujarati", "Gurmukhi", "Han"),
    *(
        "Hangul",
        "Hebrew",
        "Hiragana",
        "Javanese",
        "Kannada",
        "Katakana",
        "Khmer",
        "Lao",
        "Latin",
        "Malayalam",
    ),
    *("Mongolian", "Myanmar", "Nko", "Ol_Chiki", "Oriya", "Sinhala", "Syriac", "Tamil", "Telugu", "Thaana"),
    *("Thai", "Tibetan", "Tifinagh", "Vai", "Yi"),
)
_LAST = 0x20_100  # some Chinese signs beyond the BMP
_EVERY = "".join(chr(code) for code in range(_LAST) if not 0xD800 <= code < 0xE000)


@cache
def _signs(script: str) -> tuple[str, str]:
    """The letters of a script, and the marks that may follow them: those of many scripts, too."""
    letters = regex.findall(rf"[\p{{Script={script}}}&&\p{{L}}]", _EVERY, regex.V1)
    marks = regex.findall(rf"[\p{{Script={script}}}&&\p{{M}}]", _EVERY, regex.V1)
    return "".join(letters), "".join(marks) + "\u0301\u0308\u0323"


@cache
def _library() -> LibraryWords:
    """A book in each script, of its first letters."""
    books = (
        (number, f"in {script}", f"{letters[:4]} {letters[2:9]}")
        for number, script in enumerate(SCRIPTS)
        for letters, _ in [_signs(script)]
    )
    return LibraryWords.build(books)


@cache
def _word(script: str) -> st.SearchStrategy[str]:
    """A word of a script: a strategy of so many letters takes longer to make than to draw from."""
    letters, marks = _signs(script)
    syllable = st.builds(str.__add__, st.sampled_from(letters), st.text(marks, max_size=2))
    return st.lists(syllable, min_size=1, max_size=6).map("".join)


def _written(form: str, word: str) -> str:
    """A word as people type it, or as a file has it."""
    match form:
        case "upper":
            return word.upper()
        case "lower":
            return word.lower()
        case "NFC" | "NFD" | "NFKC":
            return unicodedata.normalize(form, word)
        case "soft hyphens":
            return "\u00ad".join(word)
        case "places for line ends":
            return "\u200b".join(word)
        case "without marks":
            return " ".join(map(folded, words(word)))
    return word


_FORMS = st.sampled_from(
    [
        *("as it is", "upper", "lower", "NFC", "NFD", "NFKC", "soft hyphens", "places for line ends"),
        "without marks",
    ]
)
_STEMMERS = st.sampled_from(sorted({BY_SCRIPT, *map(stemmer_of, TAGS)}))


@pytest.mark.parametrize("script", SCRIPTS)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_a_book_in_any_script_is_found_by_a_word_of_it(script: str, data: st.DataObject) -> None:
    told = data.draw(st.lists(_word(script), min_size=1, max_size=8))
    asked = _written(data.draw(_FORMS), data.draw(st.sampled_from(told)))
    # Such as "did", which makes a sentence a question, and a mark alone.
    assume(asked_words(asked))
    row = len(SCRIPTS), "the book", " ".join(told)
    library = _library().updated(set(_library().book_ids), [row], {"the book": data.draw(_STEMMERS)})
    scores = library.score_books(asked)
    assert scores.pop("the book") > 0
    others = {book for book, score in scores.items() if score > 0}
    assert others <= {f"in {script}"} or unicodedata.normalize("NFKC", asked) != asked
    assert library.passages.score(asked).all()[-1] > 0


def test_a_combining_mark_cuts_no_word() -> None:
    for script in SCRIPTS:
        letters, marks = _signs(script)
        unspaced = {"Han", "Hiragana", "Katakana", "Khmer", "Lao", "Myanmar", "Thai"}
        if script not in unspaced:
            assert len(asked_words(letters[0] + marks[0] + letters[1])) == 1, script
