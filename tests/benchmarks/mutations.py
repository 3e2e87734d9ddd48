"""Damaged files of every format, read in the child process: how many are books, refused or faults.

    .venv/bin/python -m tests.benchmarks.mutations --count 2000

A fault is printed with its format and seed, of which `tests.mutations.mutated` makes the file again.
"""

import argparse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from app.parsing.parsed import Format, ParseError
from app.parsing.sandbox import ParserSandbox, ReaderFaultError
from tests.mutations import SAMPLES, mutated

_SANDBOX = ParserSandbox(seconds=60, memory_bytes=1_000_000_000)


def outcome(form: Format, seed: int) -> str:
    """What becomes of one file."""
    try:
        _SANDBOX.parse_blocking(mutated(form, seed), f"book.{form}")
    except ParseError as error:
        return error.slug
    except ReaderFaultError as error:
        print(form, seed, str(error).splitlines()[-1], flush=True)
        return "fault"
    return "book"


def main() -> None:
    """Print how often what becomes of the files of each format."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=2000, help="mutations of each format")
    count = parser.parse_args().count
    for form in SAMPLES:
        with ThreadPoolExecutor(2) as pool:
            found = Counter(pool.map(outcome, [form] * count, range(count)))
        print(form, dict(found.most_common()), flush=True)


if __name__ == "__main__":
    main()
