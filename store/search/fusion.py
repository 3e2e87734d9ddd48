"""Meaning and words, weighed against each other."""

import numpy as np
from numpy.typing import NDArray

# Chosen on FairytaleQA's training questions; tests/benchmarks/retrieval.py compares others.
DENSE_WEIGHT = 0.25


def fused(
    dense: NDArray[np.float32], lexical: NDArray[np.float32], dense_weight: float = DENSE_WEIGHT
) -> NDArray[np.float32]:
    """Return the weighted mean of cosines and lexical shares, at most 1."""
    return np.asarray(dense_weight * dense + (1 - dense_weight) * lexical, dtype=np.float32)
