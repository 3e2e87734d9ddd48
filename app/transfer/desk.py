"""Versions leave, come in, and are looked into: what needs the LLM's weights besides answering."""

from collections.abc import Iterator
from typing import Protocol

from app.engine.member_cache import MemberCache
from app.engine.runner import Runner
from app.inspection import Inspection, inspect
from app.transfer.exporting import export
from app.transfer.import_files import MOST_IMPORT_BYTES, MOST_IMPORT_FILES, is_read
from app.transfer.importing import parse_import, publish_imported
from app.transfer.zip_archive import packed, unpacked
from store import books, outside, versions
from store.database import Database


class Desk(Protocol):
    """Does all of it, wherever the weights are: nothing that it takes or gives holds a tensor or a row."""

    def export(self, book_id: str, ref: str) -> tuple[str, Iterator[bytes]]:
        """A version as a zip archive: its file name, and its bytes as they come.

        Raises NotFoundError, and what `app.transfer.exporting` says.
        """

    def take_in(self, book_id: str, data: bytes, *, promote: bool, force: bool, who: str) -> int:
        """Make an archive the next version of a book, and return its number.

        Raises NotFoundError, ImportRefusedError and ParseError.
        """

    def inspect(self, book_id: str, ref: str) -> Inspection:
        """What the members of a version are like. Raises what `app.inspection.inspect` does."""


class LocalDesk:
    """A desk whose LLM works in this process, by the runner."""

    def __init__(self, database: Database, members: MemberCache, runner: Runner) -> None:
        self._database = database
        self._members = members
        self._runner = runner

    def export(self, book_id: str, ref: str) -> tuple[str, Iterator[bytes]]:
        """As `Desk.export`."""
        with self._database.read() as session:
            found = export(session, versions.get_live(session, book_id, ref), self._members)
        return found.name, packed(found.files(self._runner))

    def take_in(self, book_id: str, data: bytes, *, promote: bool, force: bool, who: str) -> int:
        """As `Desk.take_in`."""
        with self._database.read() as session:
            books.get(session, book_id)
        files = unpacked(data, is_read, most_entries=MOST_IMPORT_FILES, most_bytes=MOST_IMPORT_BYTES)
        found = parse_import(files, self._runner, force=force)
        outside.send(self._database, [member.artifact for member in found.members])
        with self._database.write() as session:
            llm = self._runner.llm
            return publish_imported(session, book_id, found, llm, promote=promote, who=who).number

    def inspect(self, book_id: str, ref: str) -> Inspection:
        """As `Desk.inspect`."""
        return inspect(self._database, self._members, self._runner, book_id, ref)
