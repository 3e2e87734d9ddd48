"""A book of many passages stands in nobody's way."""

from pathlib import Path

from sqlalchemy import func, select

from app.client import Client
from store.database import Database
from store.tables import Embedding
from tests.service.conftest import service
from tests.service.test_books import QUICK
from tests.tiny import STORY

# Thousands of passages take long to embed here; what waits for what is the same with some hundred.
YEARS = range(500)
SENTENCES = [f"In the year {number} the harbour master counted {number * 7} boats." for number in YEARS]
TEXT = "\n\n".join([*SENTENCES, "The lighthouse of Quillon burns seal oil."])
ASKED = "What does the lighthouse of Quillon burn?"


def vectors(folder: Path) -> int:
    database = Database(folder / "data" / "bookchorus.db")
    with database.read() as session:
        found = session.scalar(select(func.count()).select_from(Embedding))
    database.close()
    return found or 0


def cited(client: Client, book: str) -> str:
    return " ".join(one.text for one in client.ask(ASKED, books=[book], k=2).citations)


def test_34_a_long_book_is_asked_by_its_words_before_it_is_embedded(
    tiny_folder: Path, tmp_path: Path
) -> None:
    model = ("--model", str(tiny_folder))
    with service(tmp_path, *model, trains="false") as client:
        added = client.add(TEXT, title="Boats", recipe=QUICK)
        assert added.book.passages > 100
        assert added.job is not None
        assert "seal oil" in cited(client, added.book.id)
        # Others add and ask as before; nothing has been embedded for it.
        assert client.add(STORY, title="Lamp", recipe=QUICK).job is not None
        assert vectors(tmp_path) == 0
    # Nor does the start of a service wait for that.
    with service(tmp_path, *model, trains="false") as client:
        assert "seal oil" in cited(client, added.book.id)
        assert vectors(tmp_path) == 0
    with service(tmp_path, *model) as client:
        for event in client.follow(added.job.id):
            if event.data.get("kind") == "embedding" and event.data["done"] == added.book.passages:
                break
        assert vectors(tmp_path) >= added.book.passages
        assert "seal oil" in cited(client, added.book.id)
