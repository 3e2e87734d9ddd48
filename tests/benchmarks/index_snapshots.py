"""How soon another machine's index is there: made of the database alone, or of a snapshot in the bucket.

    python -m tests.benchmarks.index_snapshots --books 100

The library is that of `tests.benchmarks.maintenance`, 1,000 passages of 100 words for each book, in
PostgreSQL; the bucket is a local S3 server in Python (moto), slower than a real one. Each figure is the
median of `--runs`.
"""

import argparse
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import rmtree
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from store.bucket import Bucket
from store.database import Database
from store.search.index import PassageIndex
from tests import postgres, s3
from tests.benchmarks.maintenance import EMBEDDER, embed, fill


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = perf_counter()
    work()
    return perf_counter() - began


def made(database: Database, folder: Path, runs: int) -> tuple[float, int]:
    """Seconds until a machine with an empty folder can search, and how often it built its index."""
    took, rebuilds = [], 0
    for _ in range(runs):
        rmtree(folder, ignore_errors=True)
        index = PassageIndex(database, folder, embed, EMBEDDER)
        took.append(seconds(lambda index=index: index.follow().result()))  # type: ignore[misc]
        index.settle()
        rebuilds += index.rebuilds
    return median(took), rebuilds


def main() -> None:
    """Print each figure as it comes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--books", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    binaries = postgres.programs()
    assert binaries is not None, "PostgreSQL is not installed"
    with postgres.running(binaries) as server, s3.running() as url, TemporaryDirectory() as temporary:
        os.environ |= s3.variables(url)
        folder = Path(temporary)
        server.create("library")
        with closing(Database(server.url("library"))) as alone:
            alone.migrate()
            fill(alone, asked.books)
            PassageIndex(alone, folder / "one", embed, EMBEDDER, batch_size=1000).complete()
            took, builds = made(alone, folder / "alone", asked.runs)
            print(f"of the database alone: {took:.2f} s, built {builds} times in {asked.runs}", flush=True)
        with closing(Database(server.url("library"), bucket=Bucket("s3://books/library"))) as shared:
            index = PassageIndex(shared, folder / "one", embed, EMBEDDER, batch_size=1000)
            index.refresh()
            print(f"a snapshot is written: {seconds(index.settle):.2f} s", flush=True)
            size = sum(file.stat().st_size for file in (folder / "one").iterdir())
            print(f"its files: {size / 1e6:.0f} MB", flush=True)
            took, builds = made(shared, folder / "shared", asked.runs)
            print(f"of a snapshot: {took:.2f} s, built {builds} times in {asked.runs}", flush=True)
            fill(shared, 1, first=asked.books)
            index.complete()
            index.settle()
            took, builds = made(shared, folder / "shared", asked.runs)
            print(f"of one a book behind: {took:.2f} s, built {builds} times in {asked.runs}", flush=True)


if __name__ == "__main__":
    main()
