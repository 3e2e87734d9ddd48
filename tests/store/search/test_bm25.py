from concurrent.futures import ThreadPoolExecutor
from math import log

import numpy as np
import pytest

from store.search.bm25 import BM25Index
from store.search.stemming import StemmedTexts

TALES = {
    3: "Old Grizzelda locked the goat in the cellar.",
    5: "The goat sang, and the miller's daughters danced all night.",
    8: "A storm came over the sea. The miller slept.",
    9: "",
}
IDS = np.array(list(TALES), np.int64)


def _indexed(texts: dict[int, str]) -> BM25Index:
    return BM25Index.build(list(texts), StemmedTexts(texts.values()))


def _best(question: str, texts: dict[int, str] = TALES) -> int | None:
    scores = _indexed(texts).score(question).of(np.array(list(texts), np.int64))
    return list(texts)[scores.argmax()] if scores.max() > 0 else None


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("Who is Grizzelda?", 3),
        ("Which daughter was dancing?", 5),  # by their stems
        ("Where did the STORM come from?", 8),
        ("grizzelda's?", 3),
        ("Rapunzel?", None),
        ("Who did what, and why?", 5),  # only "and" is left
        ("", None),
        ("?!", None),
    ],
)
def test_the_best_passage(question: str, best: int | None) -> None:
    assert _best(question) == best


def test_neighbouring_words_count_together() -> None:
    texts = {1: "the red king and the white queen", 2: "the white king and the red queen"}
    assert _best("the red queen", texts) == 2
    assert _best("the red king", texts) == 1


def test_characters_without_spaces_are_found() -> None:
    texts = {1: "白娘子住在西湖邊。", 2: "許仙在雨中借傘。", 3: "法海是和尚。"}
    assert _best("誰借了傘?", texts) == 2
    assert _best("西湖在哪裡?", texts) == 1


def test_scores_are_shares_by_hand() -> None:
    texts = {1: "fox fox", 2: "hen"}
    # One word, known to one of two passages: its share is tf / (tf + k1 (1 - b + b length / mean length)).
    share = 2 / (2 + 0.9 * (1 - 0.4 + 0.4 * 2 / 1.5))
    scores = _indexed(texts).score("Who? Fox!").of(np.array([1, 2]))
    assert scores == pytest.approx([share, 0])
    # A word that no passage has is missed: its log(1 + 2.5 / 0.5) beside the other's log(1 + 1.5 / 1.5).
    less = _indexed(texts).score("Who? Fox, owl!").of(np.array([1, 2]))
    # That the fox stands there as it is asked for counts for a tenth.
    fox = 1.1 * log(2)
    assert less == pytest.approx([share * fox / (fox + log(6)), 0])
    assert _indexed(TALES).score(TALES[3]).of(IDS).max() < 1


def test_scores_follow_the_ids_asked_for() -> None:
    lexical = _indexed(TALES)
    everywhere = dict(zip(IDS.tolist(), lexical.score("the miller's goat").of(IDS).tolist(), strict=True))
    asked = np.array([8, 4, 3, 100, 0], np.int64)
    assert lexical.score("the miller's goat").of(asked).tolist() == [everywhere[8], 0, everywhere[3], 0, 0]
    assert lexical.score("goat").of(np.empty(0, np.int64)).tolist() == []


@pytest.mark.parametrize("texts", [{}, {1: ""}, {1: "…", 2: "!"}, {1: "goat"}])
def test_little_or_nothing_to_index(texts: dict[int, str]) -> None:
    scores = _indexed(texts).score("Where is the goat?").of(np.array([1, 2]))
    assert (scores > 0).tolist() == ["goat" in texts.get(1, ""), False]


def test_nothing_is_printed_or_logged(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    _indexed(TALES).score("goat").of(IDS)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_many_questions_at_once() -> None:
    lexical = _indexed(TALES)
    questions = ["goats singing", "Grizzelda's cellar", "stormy seas"] * 50
    alone = [lexical.score(question).of(IDS).tolist() for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda question: lexical.score(question).of(IDS).tolist(), questions)) == alone
