"""Verification of all stored data: rows against each other, bytes against their hashes, the index."""

from pathlib import Path

from sqlalchemy.exc import DBAPIError

from store.database import Database
from store.errors import DamagedDatabaseError
from store.progress import OnProgress, ignore_progress
from store.verify import artifacts, integrity, questions, texts, threads, vectors, versions
from store.verify.context import CheckContext
from store.verify.finding import RESTORE, Finding

__all__ = ["Finding", "verify"]

_CHECKS = {
    "rows": integrity.check,
    "artifacts": artifacts.check,
    "texts": texts.check,
    "versions": versions.check,
    "questions": questions.check,
    "threads": threads.check,
    "index": vectors.check,
}


def verify(
    database: Database,
    index_folder: Path,
    embedder: str,
    on_progress: OnProgress = ignore_progress,
) -> list[Finding]:
    """Return what is wrong with the database, and with the passage index for the vectors of `embedder`.

    Nothing is changed or locked: each check reads one state of the database, and others may write meanwhile.
    A book that is being added at that moment may be reported to lack vectors; the next run will not report
    it. UnknownSchemaError: the tables are not those of this release.
    """
    database.expect_current()
    found = []
    for name, check in _CHECKS.items():
        try:
            with database.read() as session:
                for finding in check(CheckContext(session, index_folder, embedder, on_progress)):
                    found.append(finding)
        # A damaged page of the database, or bytes that are no longer text or JSON.
        except (DBAPIError, DamagedDatabaseError, ValueError) as error:
            reason = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0][:200]
            what = f"Not all {name} can be read: {reason.removesuffix(RESTORE)}"
            found.append(Finding("database", what, RESTORE))
    return found
