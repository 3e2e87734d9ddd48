"""How long the registry takes to list versions: a database of many, a real server, one request at a time.

    .venv/bin/python -m tests.benchmarks.registry [--books 10000] [--limit 50] [--folder FOLDER]

Every version has 8 members with a curve of 40 steps. Half of the versions are pruned, one in a thousand has
a damaged member, one in ten is of another LLM; every book has the aliases `champion` and `latest`, three
have `rare`. `deep` is the page behind the middle of all versions, `last` one near their end, where a filter
that fits few finds none. With `--folder` the database is kept there, and used again.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app.bench.scale.spread import Spread
from store.database import Database
from store.tables import Alias, AliasMove, Artifact, Book, Member, Version
from tests import tiny
from tests.service.conftest import service
from trainer.recipe import Recipe

MEMBERS = 8
STEPS = 40
WARM = 3
ASKS = 100
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
FILTERS: dict[str, dict[str, str]] = {
    "all": {},
    "book": {"book": "book_000042"},
    "alias": {"alias": "champion"},
    "alias of few": {"alias": "rare"},
    "base_model": {"base_model": "common/llm"},
    "base_model of few": {"base_model": "rare/llm"},
    "state live": {"state": "live"},
    "state pruned": {"state": "pruned"},
    "state damaged": {"state": "damaged"},
    "base_model, damaged": {"base_model": "common/llm", "state": "damaged"},
    "alias, damaged": {"alias": "champion", "state": "damaged"},
}


def fill(database: Database, books: int, versions: int) -> None:
    """Store `books` with `versions` each, those of all books in turn, a second apart."""
    with database.write() as session:
        put(session, Book, book_rows(books))
        chance = random.Random(0)
        put(session, Version, version_rows(books, versions, chance))
        put(session, Artifact, artifact_rows(books * versions))
        put(session, Member, member_rows(books * versions, chance))
        put(session, Alias, alias_rows(books, versions))
        put(session, AliasMove, move_rows(books, versions))


def put(session: Session, table: type[Any], rows: Iterator[dict[str, Any]]) -> None:
    """Insert rows, many at a time."""
    while some := list(islice(rows, 10_000)):
        session.execute(insert(table), some)


def moment(number: int) -> datetime:
    """When the version `number` of all was published."""
    return FIRST_DAY + timedelta(seconds=number)


def book_rows(books: int) -> Iterator[dict[str, Any]]:
    """The books."""
    for book in range(books):
        yield {
            "id": f"book_{book:06}",
            "title": f"The book of number {book}",
            "author": "Ida Ost",
            "format": "txt",
            "characters": 300_000,
            "sha256": f"{book:064}",
            "passage_count": 0,
            "created_at": moment(book),
        }


def version_rows(books: int, versions: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """The versions, as a worker publishes them."""
    for place in range(books * versions):
        number = place // books + 1
        yield {
            "id": version_id(place),
            "book_id": f"book_{place % books:06}",
            "number": number,
            "recipe": Recipe().model_dump(),
            "base_model_id": "rare/llm" if chance.random() < 0.1 else "common/llm",
            "hidden_size": 576,
            "quantization": "none",
            "dtype": "float32",
            "metrics": {"bare_loss": 2.94, "steps": STEPS, "text_tokens": 65_536, "seconds": 240.0},
            "libraries": {"torch": "2.13.0", "transformers": "5.20.0", "bookchorus": "0.1.0"},
            "data": {"text": f"{place:064}", "study": f"{place:064}"},
            "gate": {"passed": True, "champion": number - 1, "loss": 2.7, "champion_loss": 2.8}
            | {"forced": False},
            "state": "pruned" if number <= versions // 2 else "damaged" if place % 1000 == 7 else "live",
            "pruned_at": moment(place) if number <= versions // 2 else None,
            "created_at": moment(place),
        }


def version_id(place: int) -> str:
    """Ids are in no order, as those that the service makes."""
    return f"version_{sha256(str(place).encode()).hexdigest()[:16]}"


def artifact_rows(versions: int) -> Iterator[dict[str, Any]]:
    """One artifact a member; their bytes are no part of a listing."""
    for place in range(versions * MEMBERS):
        yield {"sha256": f"{place:064}", "size": 230_000, "data": b"", "created_at": FIRST_DAY}


def member_rows(versions: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """The members, with the losses of each step."""
    for place in range(versions * MEMBERS):
        version, ordinal = divmod(place, MEMBERS)
        damaged = ordinal == 3 and version % 1000 == 7
        yield {
            "version_id": version_id(version),
            "ordinal": ordinal,
            "seed": ordinal,
            "metrics": {
                "loss_before": 2.76,
                "loss_after": 2.70,
                "curve": [2.8 + chance.random() / 10 for _ in range(STEPS)],
            },
            "artifact_sha256": f"{place:064}",
            "bytes": 230_000,
            "damaged_at": FIRST_DAY if damaged else None,
        }


def alias_rows(books: int, versions: int) -> Iterator[dict[str, Any]]:
    """`latest` on the last version of each book, `champion` on the one before, `rare` on three of all."""
    for book in range(books):
        names = {"latest": versions, "champion": max(1, versions - 1)}
        for name, number in names.items() | ({("rare", versions)} if book < 3 else set()):
            place = (number - 1) * books + book
            yield {
                "book_id": f"book_{book:06}",
                "name": name,
                "number": number,
                "version_id": version_id(place),
                "published_at": moment(place),
            }


def move_rows(books: int, versions: int) -> Iterator[dict[str, Any]]:
    """The moves of `latest`."""
    for number in range(1, versions + 1):
        for book in range(books):
            yield {
                "book_id": f"book_{book:06}",
                "alias": "latest",
                "from_number": number - 1 or None,
                "to_number": number,
                "who": "worker",
                "why": f"version {number} published",
                "created_at": FIRST_DAY,
            }


def cursors(database: Database) -> dict[str, str | None]:
    """The version behind which each page begins, by the page's name."""
    with database.read() as session:
        count = session.scalar(select(func.count()).select_from(Version)) or 0
        newest_first = select(Version.id).order_by(Version.created_at.desc(), Version.id.desc())
        deep, last = (session.scalar(newest_first.offset(count * part // 100)) for part in (50, 99))
    return {"first": None, "deep": deep, "last": last}


def measured(http: httpx.Client, params: dict[str, str]) -> dict[str, float]:
    """The median and the 99th percentile of what a request takes, in milliseconds."""
    seconds = []
    for number in range(WARM + ASKS):
        started = time.perf_counter()
        http.get("/admin/prompts", params=params).raise_for_status()
        if number >= WARM:
            seconds.append(time.perf_counter() - started)
    spread = Spread.of(seconds)
    return {"p50_ms": round(1000 * spread.p50, 1), "p99_ms": round(1000 * spread.p99, 1)}


def run(folder: Path, books: int, versions: int, limit: int) -> None:
    """Print a row for each filter, and all as a line of JSON."""
    data = folder / "data"
    new = not data.exists()
    data.mkdir(parents=True, exist_ok=True)
    database = Database(f"sqlite:///{data / 'bookchorus.db'}")
    database.migrate()
    if new:
        started = time.perf_counter()
        fill(database, books, versions)
        print(f"{books * versions:,} versions stored in {time.perf_counter() - started:.0f} s", flush=True)
    pages = cursors(database)
    database.close()
    rows: dict[str, dict[str, dict[str, float]]] = {}
    print("| filter | first page, p50 and p99 | deep | last |\n|---|---|---|---|", flush=True)
    with (
        service(folder, "--model", str(tiny.save(folder / "model"))) as client,
        httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http,
    ):
        for name, chosen in FILTERS.items():
            rows[name] = {}
            for page, after in pages.items():
                cursor = {} if after is None else {"after": after}
                rows[name][page] = measured(http, {**chosen, **cursor, "limit": str(limit)})
            cells = [f"{each['p50_ms']}, {each['p99_ms']} ms" for each in rows[name].values()]
            print("|", " | ".join([name, *cells]), "|", flush=True)
    print(json.dumps(rows))


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--books", type=int, default=10_000)
    parser.add_argument("--versions", type=int, default=10)
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.folder is not None:
        run(asked.folder, asked.books, asked.versions, asked.limit)
        return
    with TemporaryDirectory() as folder:
        run(Path(folder), asked.books, asked.versions, asked.limit)


if __name__ == "__main__":
    main()
