from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Barrier
from typing import Any

from store import aliases, books, versions
from store.database import Database
from store.editions import Edition

MODEL: dict[str, Any] = {
    "id": "some/llm",
    "revision": None,
    "hidden_size": 8,
    "quantization": "none",
    "dtype": "float32",
}
EACH = 10


def test_26_versions_published_at_once_are_numbered_without_a_gap(tmp_path: Path) -> None:
    """Two services on one database, each with connections of its own."""
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    services = [Database(url), Database(url)]
    services[0].migrate()
    with services[0].write() as session:
        edition = Edition("Text.", sha256(b"Text.").hexdigest(), [], [])
        book = books.add(session, edition, title="A book")[0].id
    together = Barrier(2)

    def publish(place: int) -> list[int]:
        numbers = []
        for each in range(EACH):
            together.wait()
            with services[place].write() as session:
                made = versions.publish(
                    session,
                    book_id=book,
                    members=[versions.NewMember(b"service %d, version %d" % (place, each), seed=0)],
                    recipe={},
                    base_model=MODEL,
                    metrics={},
                    parent=None,
                    job_id=None,
                    who=f"service {place}",
                )
                numbers.append(made.number)
        return numbers

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(publish, range(2))
    assert sorted(first + second) == list(range(1, 2 * EACH + 1))
    assert first == sorted(first)
    assert second == sorted(second)
    with services[1].read() as session:
        moves = aliases.history(session, book, "champion")
        assert [move.to_number for move in moves] == list(range(2 * EACH, 0, -1))
        for place, numbers in enumerate((first, second)):
            for each, number in enumerate(numbers):
                [data] = versions.member_artifacts(session, versions.get(session, book, number))
                assert data == b"service %d, version %d" % (place, each)
    for database in services:
        database.close()
