import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.search.bm25 import BM25Index
from store.search.faiss_snapshot import FaissSnapshot
from store.search.fusion import fuse
from store.search.stemming import StemmedTexts
from store.search.threshold_ranking import rank

WORDS = ["lamp", "green", "butter", "goat", "tower", "harbour", "sea", "miller", "night", "fox"]


def library(seed: int, passages: int) -> tuple[FaissSnapshot, BM25Index, np.ndarray, dict[int, str]]:
    """Random unit vectors and texts, under ids with gaps."""
    random = np.random.default_rng(seed)
    ids = np.cumsum(random.integers(1, 4, passages)).astype(np.int64)
    vectors = random.normal(size=(passages, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = {int(each): " ".join(random.choice(WORDS, random.integers(0, 9))) for each in ids}
    return (
        FaissSnapshot.build(ids, vectors),
        BM25Index.build(list(texts), StemmedTexts(texts.values())),
        vectors,
        texts,
    )


@given(
    seed=st.integers(0, 1000),
    passages=st.integers(1, 200),
    count=st.integers(1, 20),
    depth=st.integers(1, 40),
    question=st.lists(st.sampled_from([*WORDS, "unicorn"]), max_size=4).map(" ".join),
)
def test_the_best_of_both_sides_are_found_at_any_depth(
    seed: int, passages: int, count: int, depth: int, question: str
) -> None:
    snapshot, lexical, vectors, texts = library(seed, passages)
    vector = np.random.default_rng(seed + 1).normal(size=(1, 8)).astype(np.float32)
    vector /= np.linalg.norm(vector)
    ids = np.array(list(texts), dtype=np.int64)
    every = fuse((vectors @ vector[0]).astype(np.float32), lexical.score(question).of(ids))
    found = rank(snapshot.score(vector), lexical.score(question), count, full=0, nearest=depth)
    assert len(found.ids) == min(count, passages)
    assert found.scores == pytest.approx(np.sort(every)[::-1][:count], abs=1e-5)
    assert found.scores == pytest.approx(every[np.searchsorted(ids, found.ids)], abs=1e-5)
    assert fuse(found.dense, found.lexical) == pytest.approx(found.scores, abs=1e-6)


def test_equal_passages_are_in_the_librarys_order() -> None:
    vectors = np.ones((6, 1), dtype=np.float32)
    ids = np.array([3, 4, 7, 8, 9, 12], dtype=np.int64)
    snapshot = FaissSnapshot.build(ids, vectors)
    lexical = BM25Index.build(ids.tolist(), StemmedTexts("goat" for _ in ids))
    scores = snapshot.score(vectors[:1]), lexical.score("goat")
    assert rank(*scores, 4, full=0, nearest=2).ids.tolist() == [3, 4, 7, 8]
    among = np.array([3, 8, 12], dtype=np.int64)
    assert rank(*scores, 2, among=among).ids.tolist() == [3, 8]
    assert rank(*scores, 2, among=among, full=0, nearest=2).ids.tolist() == [3, 8]
