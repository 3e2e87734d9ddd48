import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.answering.normalisation import normalised
from app.answering.types import Candidate
from app.answering.voting import vote
from app.engine.records import MemberId

MEANING = {"cat": 0, "feline": 0, "dog": 1, "hound": 1, "eel": 2}


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Words that mean the same point the same way; a text of two meanings points between them."""
    vectors: NDArray[np.float32] = np.zeros((len(texts), 4), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in text.split():
            vectors[row, MEANING.get(word, 3)] += 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def candidate(text: str, member: int = 0, likelihood: float = -1.0) -> Candidate:
    return Candidate(MemberId("book_1", 1, member), text, likelihood, weight=math.exp(likelihood))


def test_the_same_words_in_other_dress_are_one_vote() -> None:
    votes = vote([candidate("The cat."), candidate("a CAT", 1), candidate("dog", 2)], embed)
    assert [len(each.candidates) for each in votes] == [2, 1]
    assert votes[0].share == pytest.approx(2 / 3)


def test_other_words_of_the_same_meaning_are_one_vote() -> None:
    votes = vote([candidate("hound"), candidate("cat", 1), candidate("feline", 2)], embed)
    assert {each.text for each in votes[0].candidates} == {"cat", "feline"}


def test_a_likely_answer_outweighs_two_unlikely_ones() -> None:
    sure, doubtful = candidate("cat", 0, -0.1), [candidate("dog", n, -3.0) for n in (1, 2)]
    [first, second] = vote([*doubtful, sure], embed)
    assert first.answer == "cat"
    assert first.share == pytest.approx(math.exp(-0.1) / (math.exp(-0.1) + 2 * math.exp(-3)))
    assert first.share + second.share == pytest.approx(1)


def test_the_likeliest_words_speak_for_a_vote() -> None:
    [only] = vote([candidate("the cat", 0, -2), candidate("Cat!", 1, -0.5)], embed)
    assert only.answer == "Cat!"


def test_nothing_said_is_no_vote() -> None:
    assert vote([], embed) == []
    assert vote([candidate(" . "), candidate("")], embed) == []
    [only] = vote([candidate("..."), candidate("eel", 1)], embed)
    assert only.share == 1


@given(st.lists(st.tuples(st.sampled_from([*MEANING, "cat dog", "..."]), st.floats(-5, 0)), max_size=12))
def test_the_order_of_candidates_does_not_matter(said: list[tuple[str, float]]) -> None:
    candidates = [candidate(text, number, score) for number, (text, score) in enumerate(said)]
    shuffled = random.Random(1).sample(candidates, len(candidates))
    assert vote(candidates, embed) == vote(shuffled, embed)


@pytest.mark.parametrize(
    ("text", "plain"), [("The  Café!", "café"), ("_", ""), ("An a the", ""), ("\uff13", "3")]
)
def test_normalised(text: str, plain: str) -> None:
    assert normalised(text) == plain
