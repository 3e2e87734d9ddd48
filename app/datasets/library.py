"""The stories of a dataset as books of a library, with their sections as passages."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from app.answering.retrieval import Retrieval
from app.answering.types import Passage
from app.datasets.questions import Story
from app.engine.embedder import Embedder, WheelEmbedder
from store import books
from store.database import Database
from store.editions import Edition
from store.search.index import PassageIndex
from store.segmentation import ChapterSpan, PassageSpan

_GAP = "\n\n"


class Library:
    """The product's own store and index, filled with stories; kept in a folder from run to run."""

    def __init__(self, stories: Sequence[Story], folder: Path, embedder: Embedder | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.embedder = embedder or WheelEmbedder()
        digest = hashlib.sha256(repr([story.sections for story in stories]).encode()).hexdigest()[:16]
        database = Database(folder / f"{digest}.db")
        database.migrate()
        self._database = database
        self._books = {story.name: self._added(story) for story in stories}
        self._names = {book: name for name, book in self._books.items()}
        index = PassageIndex(
            database,
            folder / digest,
            self.embedder,
            self.embedder.name,
            embed_questions=self.embedder.questions,
        )
        index.complete()
        self._retrieval = Retrieval(database, index)
        self._first: dict[str, str | None] = {}

    def first(self, question: str) -> str | None:
        """The name of the story that the library finds for a question."""
        if question not in self._first:
            hits = self._retrieval.index.books(question, 1)
            self._first[question] = self._names[hits[0].book_id] if hits else None
        return self._first[question]

    def book(self, story: str) -> str:
        """The id of the book that a story is."""
        return self._books[story]

    def ranking(self, story: Story) -> Callable[[str], list[Passage]]:
        """For a question, all sections of a story as passages, the best first."""
        book = self._books[story.name]
        known: dict[str, list[Passage]] = {}

        def ranked(question: str) -> list[Passage]:
            if question not in known:
                count = len(story.sections)
                known[question] = self._retrieval.passages(
                    lambda: self._retrieval.index.search(question, count, [book])
                )
            return known[question]

        return ranked

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _added(self, story: Story) -> str:
        """The id of a story's book."""
        text = _GAP.join(story.sections)
        spans, start = [], 0
        for section in story.sections:
            spans.append(PassageSpan(0, start, start + len(section)))
            start += len(section) + len(_GAP)
        digest = hashlib.sha256(f"{story.name}\0{text}".encode()).hexdigest()
        with self._database.write() as session:
            book, _ = books.add(
                session,
                Edition(text, digest, [ChapterSpan("", 0, len(text))], spans),
                title=story.name,
            )
            return book.id
