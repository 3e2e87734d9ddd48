"""How many statements a question makes the database run: reads, writes and commits, without and in a thread.

python -m tests.benchmarks.ask_statements
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlalchemy.engine import Engine

from app.http.server import create_app
from app.service.assembly import build
from app.settings import Settings
from tests import tiny
from trainer.llm.loading import load


class Statements:
    """Counts what is run on any database, by its first word, and commits."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        event.listen(Engine, "before_cursor_execute", self._statement)
        event.listen(Engine, "commit", self._commit)

    def _statement(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.counted[statement.split(maxsplit=1)[0].upper()] += 1

    def _commit(self, _connection: Any) -> None:
        self.counted["COMMIT"] += 1


def main() -> None:
    """Print what one more question runs, asked with a key that the database keeps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-url", help="PostgreSQL instead of SQLite; it must be empty")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        llm = load(str(tiny.save(folder / "model")), device="cpu", dtype="float32", cache_dir=folder)
        settings = Settings(
            data_dir=folder,
            trains=False,
            admin_key="admin",
            database_url=asked.database_url,
        )
        service = build(settings, llm)
        try:
            admin = {"Authorization": "Bearer admin"}
            with TestClient(create_app(service), base_url="http://127.0.0.1", headers=admin) as http:
                book = http.post("/books", json={"title": "Lamp", "text": tiny.STORY}).json()["book"]["id"]
                made = http.post("/admin/keys", json={"name": "reader", "role": "reader"}).json()
                http.headers["Authorization"] = f"Bearer {made['text']}"
                ask = {"question": "Who kept a lamp?", "min_confidence": 0}
                http.post("/ask", json=ask).raise_for_status()  # what only the first does
                statements = Statements()
                for what, more in (
                    ("about any book", {}),
                    ("about a book that is named", {"books": [book]}),
                    ("in a new thread", {"books": [book], "thread": "new"}),
                ):
                    statements.counted.clear()
                    http.post("/ask", json={**ask, **more}).raise_for_status()
                    print(f"{what}: {dict(sorted(statements.counted.items()))}", flush=True)
        finally:
            service.close()


if __name__ == "__main__":
    main()
