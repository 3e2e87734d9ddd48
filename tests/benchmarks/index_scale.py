"""How the index grows: FAISS's flat, HNSW and IVF over synthetic passage vectors, and our ranking on top.

    .venv/bin/python -m tests.benchmarks.index_scale [--sizes 100000 1000000] [--no-hnsw] [--no-words]

Vectors of 384 numbers around random centres (one for each 100), as passages of one book lie near each
other. Recall is the share of the exact ten best that are found. The last row is the product's own ranking,
by meaning and words, its texts drawn from 50,000 words by Zipf's law. Queries come one at a time.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from store.search.bm25 import BM25Index, StemmedTexts
from store.search.faiss_snapshot import FaissSnapshot, PassageState
from store.search.threshold_ranking import rank

DIMENSION = 384
QUERIES = 100
# Gives the ids of the ten best for a query of 1 x 384 numbers.
Ask = Callable[[NDArray[np.float32]], NDArray[np.int64]]


def vectors(count: int, random: np.random.Generator, centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit rows [count, 384], each near a centre."""
    found = np.empty((count, DIMENSION), dtype=np.float32)
    for start in range(0, count, 100_000):
        part = slice(start, min(start + 100_000, count))
        size = part.stop - part.start
        found[part] = centres[random.integers(len(centres), size=size)]
        found[part] += 0.06 * random.standard_normal((size, DIMENSION), dtype=np.float32)
        found[part] /= np.linalg.norm(found[part], axis=1, keepdims=True)
    return found


def measured(
    name: str,
    build: Callable[[], tuple[int, Ask]],
    queries: NDArray[np.float32],
    truth: NDArray[np.int64] | None,
) -> dict[str, object]:
    """Build, then ask every query; `build` gives bytes and how to ask for the ids of the ten best."""
    started = time.perf_counter()
    size, ask = build()
    built = time.perf_counter() - started
    seconds, hits = [], []
    for number, query in enumerate(queries):
        started = time.perf_counter()
        ids = ask(query[None])
        seconds.append(time.perf_counter() - started)
        if truth is not None:
            hits.append(len(np.intersect1d(ids, truth[number])) / 10)
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    row = {
        "index": name,
        "build_s": round(built, 1),
        "megabytes": round(size / 1e6),
        "p50_ms": round(float(p50), 1),
        "p99_ms": round(float(p99), 1),
        "recall": round(float(np.mean(hits)), 3) if hits else None,
    }
    print(row, flush=True)
    return row


def indexes(data: NDArray[np.float32]) -> dict[str, Callable[[], faiss.Index]]:
    """FAISS's indexes, each made and filled when it is called."""

    def flat() -> faiss.Index:
        index = faiss.IndexFlatIP(DIMENSION)
        index.add(data)
        return index

    def hnsw() -> faiss.Index:
        index = faiss.IndexHNSWFlat(DIMENSION, 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 80
        index.hnsw.efSearch = 64
        index.add(data)
        return index

    def ivf() -> faiss.Index:
        lists = int(4 * len(data) ** 0.5)
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(DIMENSION), DIMENSION, lists, faiss.METRIC_INNER_PRODUCT)
        index.train(data[: 40 * lists])
        index.nprobe = 32
        index.add(data)
        return index

    return {"flat": flat, "IVF": ivf, "HNSW": hnsw}


def fused(data: NDArray[np.float32], random: np.random.Generator) -> tuple[int, Ask]:
    """The product's ranking over the vectors and texts of 100 words."""
    words = (random.zipf(1.2, (len(data), 100)) % 50_000).astype(np.int32)
    ids = np.arange(1, len(data) + 1)
    texts = {
        number: " ".join(f"w{word}" for word in row) for number, row in zip(ids.tolist(), words, strict=True)
    }
    lexical = BM25Index(list(texts), StemmedTexts(texts.values()))
    snapshot = FaissSnapshot.build(ids, data, PassageState(len(data), len(data)))
    asked = iter(random.zipf(1.2, (10_000, 8)) % 50_000)

    def ask(query: NDArray[np.float32]) -> NDArray[np.int64]:
        question = " ".join(f"w{word}" for word in next(asked))
        return rank(snapshot, lexical, question, query, 10).ids

    return data.nbytes, ask


def main() -> None:
    """Print a row for each index and size, and all as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--words", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--hnsw", action=argparse.BooleanOptionalAction, default=True)
    asked = parser.parse_args()
    rows: dict[int, list[dict[str, object]]] = {}
    for size in asked.sizes:
        random = np.random.default_rng(0)
        centres = random.standard_normal((size // 100, DIMENSION), dtype=np.float32)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        data = vectors(size, random, centres)
        queries = vectors(QUERIES, random, centres)
        print(f"{size:,} vectors", flush=True)
        rows[size] = []
        truth = None
        for name, make in indexes(data).items():
            if name == "HNSW" and not asked.hnsw:
                continue

            def build(make: Callable[[], faiss.Index] = make) -> tuple[int, Ask]:
                index: Any = make()
                return len(faiss.serialize_index(index)), lambda query: index.search(query, 10)[1][0]

            rows[size].append(measured(name, build, queries, truth))
            if truth is None:
                exact = faiss.IndexFlatIP(DIMENSION)
                exact.add(data)
                truth = exact.search(queries, 10)[1]
        if asked.words:
            rows[size].append(measured("ranking", lambda: fused(data, random), queries, None))  # noqa: B023
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
