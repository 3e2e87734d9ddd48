"""Whether all that is kept is whole: rows against each other, bytes against their hashes, the index."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from store.database import Database
from store.errors import DamagedDatabaseError
from store.verify import artifacts, rows, texts, vectors, versions
from store.verify.finding import RESTORE, Finding, Kept

__all__ = ["Finding", "verify"]

_CHECKS = {
    "rows": rows.check,
    "artifacts": artifacts.check,
    "texts": texts.check,
    "versions": versions.check,
    "index": vectors.check,
}


def verify(
    database: Database,
    folder: Path,
    embedder: str,
    told: Callable[[str, int, int], None] = lambda what, done, of: None,
) -> list[Finding]:
    """Return what is wrong with the database, and with the index that an embedder's vectors have in `folder`.

    Nothing is changed or locked: each check reads one state of the database, and others go on writing. A book
    that is being added at that moment may be found without its vectors, and is not at the next run.
    UnknownSchemaError: the tables are not this release's.
    """
    database.expect_current()
    found = []
    for name, check in _CHECKS.items():
        try:
            with database.read() as session:
                for finding in check(Kept(session, folder, embedder, told)):
                    found.append(finding)
        # A damaged page, or bytes that are no text or no JSON any more.
        except (DBAPIError, DamagedDatabaseError, ValueError) as error:
            reason = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0][:200]
            what = f"Not all {name} can be read: {reason.removesuffix(RESTORE)}"
            found.append(Finding("database", what, RESTORE))
    return found
