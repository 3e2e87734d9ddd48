import pytest

from store import books, jobs
from store.database import Database
from store.editions import Edition
from store.segmentation import ChapterSpan, PassageSpan
from store.tables import Job


@pytest.fixture
def job(database: Database) -> Job:
    """A job that is leased for a minute."""
    edition = Edition("Text.", "0" * 64, [ChapterSpan("", 0, 5)], [PassageSpan(0, 0, 5)])
    with database.write() as session:
        book, _ = books.add(session, edition, title="Text")
        jobs.enqueue(session, book_id=book.id, recipe={})
        leased = jobs.lease(session, "worker", 60)
        assert leased is not None
        return leased
