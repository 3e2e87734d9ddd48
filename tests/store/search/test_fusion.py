import numpy as np
import pytest

from store.search.fusion import DENSE_WEIGHT, fuse

DENSE = np.array([0.8, 0.2, 0.5, -0.1], np.float32)
LEXICAL = np.array([0.1, 0.9, 0.5, 0.0], np.float32)


def test_both_sides_count_by_their_weight() -> None:
    assert fuse(DENSE, LEXICAL, 0.25) == pytest.approx([0.275, 0.725, 0.5, -0.025])
    assert fuse(DENSE, LEXICAL, 1.0) == pytest.approx(DENSE)
    assert fuse(DENSE, LEXICAL, 0.0) == pytest.approx(LEXICAL)


def test_by_default_words_count_more_and_meaning_breaks_their_ties() -> None:
    assert 0 < DENSE_WEIGHT < 0.5
    assert fuse(DENSE, LEXICAL).argmax() == 1
    assert fuse(DENSE, np.zeros(4, np.float32)).argmax() == 0
    assert fuse(DENSE, np.ones(4, np.float32)).argmax() == 0
