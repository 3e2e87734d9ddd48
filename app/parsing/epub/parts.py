"""Reads the parts of an EPUB one by one: what cannot be read is left out, and said."""

from collections.abc import Callable

from app.parsing.archive import Archive
from app.parsing.encoding import damage
from app.parsing.html.markup import Element, parse_xml, recover_xml
from app.parsing.parsed import ParseError


class Parts:
    """The parts of an `archive`, of which each that cannot be read costs itself and gives a warning.

    `warnings` are plain sentences; `first_error` is why the first part could not be read. A part that is
    larger than allowed is an error all the same: ParseError archive-too-large.
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.warnings: list[str] = []
        self.first_error: ParseError | None = None

    def read(self, file: str, what: str) -> bytes | None:
        """Return the bytes of a file; None, with a warning that calls it `what`, if they cannot be read."""
        if file not in self.archive:
            self.warnings.append(f"{what} {file[:200]!r} is left out: it is not in the EPUB.")
            return None
        if self.archive.find(file) in self.archive.doubled:
            self.warnings.append(
                f"{what} {file[:200]!r} is in the EPUB more than once: the last one is read."
            )
        try:
            return self.archive.read(file)
        except ParseError as error:
            self._leave_out(file, what, error)
            return None

    def tree(self, file: str, what: str, parse: Callable[[bytes], Element | None]) -> Element | None:
        """Return the root of a file; None, with a warning that calls it `what`, if it cannot be parsed."""
        data = self.read(file, what)
        if data is None:
            return None
        try:
            root = parse(data)
            damaged = damage(data, f"In {file[:200]!r} ", markup=True)
        except ParseError as error:
            self._leave_out(file, what, error)
            return None
        if root is None:
            self.warnings.append(f"{what} {file[:200]!r} is left out: there is nothing in it.")
        self.warnings += damaged
        return root

    def damaged_tree(self, file: str, what: str) -> Element | None:
        """Return the root of what can be read of an XML file, with a warning if that is not all."""

        def parse(data: bytes) -> Element | None:
            try:
                return parse_xml(data)
            except ParseError as error:
                root = recover_xml(data)
                if root is not None:
                    self.warnings.append(f"{what} {file[:200]!r} is damaged: entries may be missing. {error}")
                return root

        return self.tree(file, what, parse)

    def _leave_out(self, file: str, what: str, error: ParseError) -> None:
        if error.slug == "archive-too-large":
            raise error
        self.first_error = self.first_error or error
        self.warnings.append(f"{what} {file[:200]!r} is left out. {error}")
