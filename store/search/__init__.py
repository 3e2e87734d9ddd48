"""Search: finds passages and books by meaning (dense vectors) and by words (BM25)."""
