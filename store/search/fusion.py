"""Fusion: one score from the dense and the lexical score of a passage."""

import numpy as np
from numpy.typing import NDArray

# Chosen on FairytaleQA's training questions; tests/benchmarks/retrieval.py compares others.
DENSE_WEIGHT = 0.25
# What the words of a whole book count beside its best passage, chosen in the same way.
BOOK_WEIGHT = 0.4


def fuse(
    dense: NDArray[np.float32], lexical: NDArray[np.float32], dense_weight: float = DENSE_WEIGHT
) -> NDArray[np.float32]:
    """Return the weighted mean of cosines and lexical scores, each of shape (n,); it is at most 1."""
    return np.asarray(dense_weight * dense + (1 - dense_weight) * lexical, dtype=np.float32)
