"""The stories of an evaluation as books of a library, with their sections as passages."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from app.datasets.questions import Story
from app.engine.embedder import Embedder
from store import books
from store.database import Database
from store.passages import passages_of_book
from store.search.index import PassageIndex
from store.segmentation import ChapterSpan, PassageSpan

_GAP = "\n\n"


class Library:
    """The product's own store and index, filled with stories; kept in a folder from run to run."""

    def __init__(self, stories: Sequence[Story], folder: Path, embedder: Embedder | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        embedder = embedder or Embedder()
        digest = hashlib.sha256(repr([story.sections for story in stories]).encode()).hexdigest()[:16]
        database = Database(f"sqlite:///{folder / f'{digest}.db'}")
        database.migrate()
        self._database = database
        self._books = {story.name: self._added(story) for story in stories}
        self._names = {book: name for name, (book, _) in self._books.items()}
        self._index = PassageIndex(database, folder / digest, embedder, embedder.name)
        self._index.refresh()
        self._first: dict[str, str | None] = {}

    def first(self, question: str) -> str | None:
        """The name of the story that the library finds for a question."""
        if question not in self._first:
            hits = self._index.books(question, 1)
            self._first[question] = self._names[hits[0].book_id] if hits else None
        return self._first[question]

    def ranking(self, story: str) -> Callable[[str], list[tuple[int, float]]]:
        """For a question, the story's sections with their scores, best first."""
        book, sections = self._books[story]
        known: dict[str, list[tuple[int, float]]] = {}

        def ranked(question: str) -> list[tuple[int, float]]:
            if question not in known:
                hits = self._index.search(question, len(sections), [book])
                known[question] = [(sections[hit.passage_id], max(0.0, hit.score)) for hit in hits]
            return known[question]

        return ranked

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _added(self, story: Story) -> tuple[str, dict[int, int]]:
        """The book of a story, and the section of each of its passages."""
        text = _GAP.join(story.sections)
        spans, start = [], 0
        for section in story.sections:
            spans.append(PassageSpan(0, start, start + len(section)))
            start += len(section) + len(_GAP)
        digest = hashlib.sha256(f"{story.name}\0{text}".encode()).hexdigest()
        with self._database.write() as session:
            book, _ = books.add(
                session,
                books.Edition(text, digest, [ChapterSpan("", 0, len(text))], spans),
                title=story.name,
            )
            found = passages_of_book(session, book.id)
            return book.id, {passage.id: passage.ordinal for passage in found}
