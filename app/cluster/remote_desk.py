"""Versions leave, come in and are looked into by an answerer of the cluster, which has the weights."""

from collections.abc import Iterator

from app.cluster.calls import Calls
from app.engine.errors import EngineUnreachableError
from app.inspection import Inspection


class RemoteDesk:
    """A `Desk` that has an answerer do it. Raises EngineUnreachableError too, where none takes a call."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def export(self, book_id: str, ref: str) -> tuple[str, Iterator[bytes]]:
        """As `Desk.export`."""
        coming = self._calls.many("export", "", book_id, ref)
        name: str = next(coming)
        return name, _unbroken(coming)

    def take_in(self, book_id: str, data: bytes, *, promote: bool, force: bool, who: str) -> int:
        """As `Desk.take_in`."""
        number: int = self._calls.one("take_in", "", book_id, data, promote, force, who, again=False)
        return number

    def inspect(self, book_id: str, ref: str) -> Inspection:
        """As `Desk.inspect`."""
        found: Inspection = self._calls.one("inspect", "", book_id, ref)
        return found


def _unbroken(coming: Iterator[str | bytes]) -> Iterator[bytes]:
    """The bytes of one archive. Where the call had to be made again its name comes once more."""
    for each in coming:
        if isinstance(each, str):
            raise EngineUnreachableError
        yield each
