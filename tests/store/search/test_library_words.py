"""The words of a library that books come to and leave: always those of an index made at once."""

from collections.abc import Sequence
from itertools import pairwise
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.search.bm25 import BM25Index
from store.search.library_words import LibraryWords, Row
from store.search.stemmers import BY_SCRIPT
from store.search.stemming import StemmedTexts

WORDS = ["lamp", "lamps", "green", "butter", "goat", "tower", "harbour", "sea", "fox"]
TEXT = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
QUESTION = st.lists(st.sampled_from([*WORDS, "unicorn"]), max_size=5).map(" ".join)
BOOKS = st.lists(st.lists(TEXT, min_size=1, max_size=4), min_size=1, max_size=6)
STEMMERS = st.lists(st.sampled_from([BY_SCRIPT, "german", "turkish"]), min_size=6, max_size=6)


def rows(books: dict[str, list[str]], first: int = 1) -> list[Row]:
    texts = [(book, text) for book, passages in books.items() for text in passages]
    return [(number, book, text) for number, (book, text) in enumerate(texts, start=first)]


def share(question: StemmedTexts, texts: list[StemmedTexts], place: int) -> float:
    """The formula written out: BM25 of stems, pairs and exact words, as a share of the most there is."""

    def side(
        terms: Sequence[tuple[str, ...]], documents: list[list[tuple[str, ...]]], missed: bool = False
    ) -> tuple[float, float]:
        mean = sum(map(len, documents)) / len(documents)
        score = most = 0.0
        for term in terms:
            having = sum(term in document for document in documents)
            if having == 0 and not missed:
                continue
            idf = log(1 + (len(documents) - having + 0.5) / (having + 0.5))
            most += idf
            count = documents[place].count(term)
            if count:
                score += idf * count / (count + 0.9 * (0.6 + 0.4 * len(documents[place]) / mean))
        return score, most

    def stems(text: StemmedTexts, *, exact: bool = False) -> list[str]:
        names = list(text.vocabulary.numbers)
        return [names[number] for number in (text.exact if exact else text.terms)]

    def singles(words: list[str]) -> list[tuple[str, ...]]:
        return [(word,) for word in words]

    pairs: list[list[tuple[str, ...]]] = [list(pairwise(stems(text))) for text in texts]
    words = side(singles(stems(question)), [singles(stems(text)) for text in texts], missed=True)
    both = side(list(pairwise(stems(question))), pairs)
    exact = side(singles(stems(question, exact=True)), [singles(stems(text, exact=True)) for text in texts])
    most = words[1] + 0.3 * both[1] + 0.1 * exact[1]
    return (words[0] + 0.3 * both[0] + 0.1 * exact[0]) / most if most else 0.0


@given(texts=st.lists(TEXT, min_size=1, max_size=12), question=QUESTION)
def test_scores_are_those_of_the_formula(texts: list[str], question: str) -> None:
    found = BM25Index.build(range(len(texts)), StemmedTexts(texts)).score(question).all()
    stemmed = [StemmedTexts([text]) for text in texts]
    asked = StemmedTexts([question])
    assert found == pytest.approx([share(asked, stemmed, place) for place in range(len(texts))], abs=1e-6)


@settings(deadline=None)
@given(before=BOOKS, after=BOOKS, gone=st.sets(st.integers(0, 5)), question=QUESTION, drawn=STEMMERS)
def test_a_library_that_changed_scores_as_one_indexed_at_once(
    before: list[list[str]], after: list[list[str]], gone: set[int], question: str, drawn: list[str]
) -> None:
    old = {f"old {number}": passages for number, passages in enumerate(before)}
    new = {f"new {number}": passages for number, passages in enumerate(after)}
    stemmers = dict(zip([*old, *new], drawn * 2, strict=False))
    old_rows = rows(old)
    new_rows = rows(new, first=len(old_rows) + 1)
    kept = {book for number, book in enumerate(old) if number not in gone}
    changed = LibraryWords.build(old_rows, stemmers).updated(kept, new_rows, stemmers)
    once = LibraryWords.build([row for row in old_rows if row[1] in kept] + new_rows, stemmers)
    again = LibraryWords.of_arrays(changed.arrays())
    for words in (changed, again):
        assert words.ids.tolist() == once.ids.tolist()
        assert words.extents() == once.extents()
        assert words.stemmers == once.stemmers
        assert np.array_equal(words.of_books({"new 0"}), once.of_books({"new 0"}))
        scores = words.passages.score(question)
        assert scores.all() == pytest.approx(once.passages.score(question).all(), abs=1e-6)
        assert words.score_books(question) == pytest.approx(once.score_books(question), abs=1e-6)


@given(texts=st.lists(TEXT, min_size=1, max_size=60), k=st.integers(1, 10), question=QUESTION)
def test_the_best_are_found_without_going_through_all(texts: list[str], k: int, question: str) -> None:
    scores = BM25Index.build(range(3, len(texts) + 3), StemmedTexts(texts)).score(question)
    every = scores.all()
    ids, best = scores.best(k)
    expected = np.sort(every[every > 0])[::-1][:k]
    assert best == pytest.approx(expected, abs=1e-6)
    assert every[ids - 3] == pytest.approx(best, abs=1e-6)
    assert scores.of(ids).tolist() == every[ids - 3].tolist()


def test_books_whose_passages_are_mixed() -> None:
    mixed = [(1, "a", "the red fox"), (2, "b", "a lamp"), (3, "a", "sleeps here"), (4, "b", "burns")]
    apart = [(1, "a", "the red fox"), (2, "a", "sleeps here"), (3, "b", "a lamp"), (4, "b", "burns")]
    for question in ("fox sleeps", "lamp burns", "here burns"):
        found = LibraryWords.build(mixed).score_books(question)
        assert found == LibraryWords.build(apart).score_books(question)
