# ruff: noqa: RUF001 - words of many languages
"""The stemmer follows the book's language: which one that is, and what is found by it."""

from collections.abc import Callable
from math import log
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from store import books
from store.database import Database
from store.search.index import PassageIndex
from store.search.library_words import LibraryWords
from store.search.stemmers import BY_SCRIPT, language_of, stemmer_of
from store.tables import Book
from tests.store.conftest import Embedder

# A text in each language, and a form of one of its words that only a stemmer of the language knows.
TEXTS = {
    "de": "Am Ufer standen die Häuser der Fischer. Der alte Wärter las jeden Abend in seinen Büchern.",
    "fr": "Le gardien du phare aimait ses chevaux. Chaque soir il lisait un livre à la lumière de la lampe.",
    "ru": "На берегу стояли дома рыбаков. Старый смотритель каждый вечер читал свои книги.",
    "tr": "Fenerin bekçisi her akşam kitaplarını okurdu. Çocuklar da onu dinlemeye gelirdi.",
    "en": "The houses of the fishers stood on the shore. Every evening the keeper read his books.",
}
FORMS = {"de": "Haus", "fr": "cheval", "ru": "книгой", "tr": "kitap", "en": "housing"}


@pytest.mark.parametrize(
    ("tag", "stemmer"),
    [
        *[
            ("de", "german"),
            ("de-AT", "german"),
            ("nb", "norwegian"),
            ("sr-Latn", "serbian"),
            ("FR", "french"),
        ],
        # By script: its own stemmer, or there is none.
        *[("en", BY_SCRIPT), ("en-US", BY_SCRIPT), ("ru", BY_SCRIPT), ("la", BY_SCRIPT), (None, BY_SCRIPT)],
    ],
)
def test_the_stemmer_of_a_tag(tag: str | None, stemmer: str) -> None:
    assert stemmer_of(tag) == stemmer


@pytest.mark.parametrize("language", TEXTS)
def test_a_language_is_told_from_a_text(language: str) -> None:
    assert language_of([TEXTS[language]] * 3) == language


def test_a_language_that_is_not_sure_is_not_told() -> None:
    assert language_of(["Die Häuser der Fischer."]) is None  # too few words
    assert language_of([]) is None
    assert language_of([TEXTS["de"]] * 2 + [TEXTS["fr"]] * 2) is None
    assert language_of([TEXTS["de"]] * 7 + [TEXTS["fr"]]) == "de"


_MORE = (
    "Niemand im Dorf kannte ihn, und doch warteten alle auf das Licht seiner Lampe. Wenn es dunkel wurde, "
    "ging er die Treppe hinauf und zündete sie an, bis der Morgen kam und die Boote wieder hinausfuhren."
)


def _lexical(index: PassageIndex, question: str, book: str) -> float:
    return max(hit.lexical for hit in index.search(question, 10, [book]))


@pytest.fixture
def mixed(database: Database, add_book: Callable[..., Book]) -> dict[str, str]:
    """The ids of a book in each language, by its tag."""
    with database.write() as session:
        return {tag: add_book(session, text, title=tag, language=tag).id for tag, text in TEXTS.items()}


@pytest.mark.parametrize("language", TEXTS)
def test_each_book_of_a_mixed_library_is_found_by_another_form_of_its_word(
    mixed: dict[str, str], index: PassageIndex, language: str
) -> None:
    assert FORMS[language].casefold() not in TEXTS[language].casefold().split()
    assert index.books(FORMS[language], 1)[0].book_id == mixed[language]
    assert _lexical(index, FORMS[language], mixed[language]) > 0.3
    # No other language has the word.
    assert all(_lexical(index, FORMS[language], mixed[other]) == 0 for other in TEXTS if other != language)


@pytest.mark.parametrize("language", ["de", "fr", "tr"])
def test_a_book_is_stemmed_anew_when_it_is_given_its_language(
    database: Database,
    index: PassageIndex,
    folder: Path,
    embedder: Embedder,
    add_book: Callable[..., Book],
    language: str,
) -> None:
    with database.write() as session:
        other = add_book(session, TEXTS["en"], title="other").id
        book = add_book(session, TEXTS[language], language="en").id
    index.refresh()
    assert _lexical(index, FORMS[language], book) == 0  # English knows no such form
    with database.write() as session:
        assert books.describe(session, books.get(session, book), language=language) == ["language"]
    index.search("shore", 1)  # a search sees that the index is older than the database
    index.settle()
    assert _lexical(index, FORMS[language], book) > 0.3
    assert _lexical(index, FORMS["en"], other) > 0.3
    again = PassageIndex(database, folder, embedder, embedder.name)
    assert _lexical(again, FORMS[language], book) > 0.3
    assert again.rebuilds == 0


def test_a_book_of_unknown_language_is_stemmed_by_what_its_text_is_in(
    database: Database, index: PassageIndex, add_book: Callable[..., Book]
) -> None:
    with database.write() as session:
        told = add_book(session, f"{TEXTS['de']} {_MORE}", max_tokens=30, language=None)
        assert told.language is None  # what is told is a guess, and not kept as the book's
        few = add_book(session, "Die Häuser.", title="few", language=None).id
        book = told.id
    assert _lexical(index, "Haus", book) > 0.3
    assert _lexical(index, "Haus", few) == 0
    with database.write() as session:
        added = add_book(session, TEXTS["fr"], title="French", language="fr").id
    index.refresh()
    assert _lexical(index, "Haus", book) > 0.3
    assert _lexical(index, "cheval", added) > 0.3
    with database.read() as session:
        assert books.get(session, book).language is None


def _scores(rows: list[tuple[str, str]], question: str) -> NDArray[np.float32]:
    """The scores of texts, each of a book with this stemmer, for a question."""
    library = LibraryWords.build(
        [(number, str(number), text) for number, (_, text) in enumerate(rows)],
        {str(number): stemmer for number, (stemmer, _) in enumerate(rows)},
    )
    return library.passages.score(question).all()


def test_a_word_counts_once_whatever_stems_it_has() -> None:
    # "kisses" has a stem in each language, and three of four passages have one of them.
    rows = [
        ("german", "kisses alone"),
        ("french", "kisses alone"),
        (BY_SCRIPT, "kisses alone"),
        ("french", "no one"),
    ]
    scores = _scores(rows, "kisses")
    share = 1 / (1 + 0.9)
    assert scores == pytest.approx([share, share, share, 0])
    # Beside a word that no passage has, it weighs its own IDF.
    idf, missing = 1.1 * log(1 + 1.5 / 3.5), log(1 + 4.5 / 0.5)
    assert _scores(rows, "kisses owl")[:3] == pytest.approx([share * idf / (idf + missing)] * 3)


def test_neighbouring_words_count_in_each_language() -> None:
    rows = [
        ("german", "alte Häuser, neue Schiffe"),
        ("german", "neue Häuser, alte Schiffe"),
        ("french", "vieux chevaux"),
        ("french", "chevaux vieux"),
    ]
    scores = _scores(rows, "altes Haus")
    assert scores[0] > scores[1] > scores[2] == 0
    scores = _scores(rows, "le vieux cheval")
    assert scores[2] > scores[3] > scores[0] == 0


def test_words_typed_without_marks_or_printed_without() -> None:
    rows = [
        ("turkish", "evdeki kızın"),
        ("turkish", "evdeki kizin"),
        ("spanish", "comió una canción"),
        ("turkish", "ev"),
    ]
    for question in ("kızın", "kizin"):
        assert (_scores(rows, question) > 0).tolist() == [True, True, False, False]
    for question in ("comió", "comio", "canciones", "cancion"):
        assert (_scores(rows, question) > 0).tolist() == [False, False, True, False]


def test_a_library_in_english_is_what_it_was_before_there_were_languages() -> None:
    rows = [(number, "a book", text) for number, text in enumerate(TEXTS["en"].split(". "))]
    by_tag = LibraryWords.build(rows, {"a book": stemmer_of("en")}).arrays()
    by_script = LibraryWords.build(rows).arrays()
    assert by_tag.keys() == by_script.keys()
    assert all(np.array_equal(by_tag[name], by_script[name]) for name in by_tag)
    # One stem a word, and nothing beside it: as much is looked up and kept as there are stems and words.
    names = by_tag["vocabulary.names"].tobytes().decode().split("\n")
    assert by_tag["vocabulary.stemmers"].tobytes().decode() == BY_SCRIPT
    assert len(by_tag["vocabulary.typed"]) == 0
    assert {"hous", "fisher", "stood"} < set(names)
    assert not [name for name in names if ":" in name]
