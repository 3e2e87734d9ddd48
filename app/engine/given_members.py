"""Members that are handed in, as those of an evaluation or of a version before it is published."""

from app.engine.records import MemberId, Roster
from trainer.methods.members import Members


class GivenMembers:
    """The members of one version that no registry has, whatever its number is; None for no members."""

    def __init__(self, members: Members | None) -> None:
        self._members = members

    def roster(self, book: str, version: int) -> Roster:
        """All of them."""
        count = 0 if self._members is None else len(self._members)
        return Roster(tuple(MemberId(book, version, number) for number in range(count)))

    def tensors(self, member: MemberId) -> Members:
        """What one of them has learned."""
        assert self._members is not None
        assert member.member is not None
        return self._members[[member.member]]
