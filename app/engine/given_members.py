"""Members that are handed in, as those of an evaluation or of a version before it is published."""

from collections.abc import Sequence

from app.engine.records import MemberId, Roster
from trainer.methods.members import Members


class GivenMembers:
    """Versions of one book that no registry has, numbered from 1: the members of each, None for none."""

    def __init__(self, book: str, versions: Sequence[Members | None]) -> None:
        self._book = book
        self._versions = versions

    def roster(self, book: str, version: int) -> Roster:
        """All members of a version."""
        members = self._versions[version - 1]
        count = 0 if members is None else len(members)
        return Roster(tuple(MemberId(self._book, version, number) for number in range(count)))

    def tensors(self, member: MemberId) -> Members:
        """What one of them has learned."""
        assert member.version is not None
        assert member.member is not None
        members = self._versions[member.version - 1]
        assert members is not None
        return members[[member.member]]
