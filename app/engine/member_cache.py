"""The members of versions, read from the registry and kept for a while."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.records import MemberId, Roster
from store import artifacts, versions
from store.database import Database
from store.errors import DamagedArtifactError, NotFoundError, PlainError, StoreBusyError, StoreFullError
from store.tables import Version
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.dispatch import member_from_bytes
from trainer.methods.members import Members, join_members
from trainer.methods.tensors import FormatError
from trainer.recipe import method_of, placement_of

log = logging.getLogger(__name__)


class OtherModelError(PlainError):
    """A version was learned on another LLM than the one that is loaded."""

    def __init__(self, version: Version) -> None:
        super().__init__(f"Version {version.number} was learned on another LLM, {version.base_model_id}.")


class UnusableVersionError(PlainError):
    """Not all members of a version can be had; `slug` is the stable name of the reason, `why` says it."""

    def __init__(self, number: int, slug: str, why: str) -> None:
        super().__init__(f"Version {number} {why}.")
        self.slug = slug
        self.why = why


@dataclass(frozen=True)
class _Loaded:
    """A version's roster, and what its whole members have learned, by their numbers."""

    roster: Roster
    members: Mapping[int, Members]

    @property
    def nbytes(self) -> int:
        return sum(members.nbytes for members in self.members.values())


class MemberCache:
    """Members by version. The least recently asked are forgotten first, once all take over `most_bytes`."""

    def __init__(self, database: Database, llm: FrozenLLM, *, most_bytes: int = 256 << 20) -> None:
        self._database = database
        self._llm = llm
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[str, int], _Loaded] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of all that is kept."""
        return self._bytes

    def roster(self, book: str, version: int) -> Roster:
        """Who can answer for a version of a book, by its number.

        A member whose bytes are not what was published is left out, and marked in the registry. Raises
        DamagedArtifactError when none is left, VersionPrunedError and NotFoundError.
        """
        return self._loaded(book, version).roster

    def tensors(self, member: MemberId) -> Members:
        """What one member of a roster has learned. Raises what `roster` raises."""
        assert member.version is not None
        assert member.member is not None
        return self._loaded(member.book, member.version).members[member.member]

    def whole(self, version: Version) -> Mapping[int, Members]:
        """What the undamaged members of a version have learned, by their numbers.

        Raises OtherModelError for a version of another LLM, and what `roster` raises.
        """
        if self.refusal(version) is not None:
            raise OtherModelError(version)
        return self._loaded(version.book_id, version.number).members

    def members(self, version: Version) -> Members:
        """What all members of a version have learned, to go on from or to compare with.

        UnusableVersionError: they are pruned, damaged in part, or of another LLM.
        """
        if version.pruned_at is not None:
            raise UnusableVersionError(version.number, "pruned", "is pruned: its soft prompts are gone")
        try:
            found = self.whole(version)
        except OtherModelError as error:
            raise UnusableVersionError(
                version.number, "of-other-model", "was learned on another LLM"
            ) from error
        except DamagedArtifactError:
            found = {}
        damaged = [member.ordinal for member in version.members if member.ordinal not in found]
        if damaged:
            members = ", ".join(map(str, damaged))
            raise UnusableVersionError(
                version.number, "damaged", f"is damaged: members {members} have changed"
            )
        return join_members([found[number] for number in sorted(found)])

    def refusal(self, version: Version) -> str | None:
        """Why this LLM cannot use a version: in what the LLM that it was learned on is another.

        Its quantization and dtype may have been others.
        """
        mine = self._llm.identity
        differences = [
            f"{name} {its}, not {this}"
            for name, its, this in (
                ("id", version.base_model_id, mine.id),
                ("revision", version.base_model_revision, mine.revision),
                ("hidden size", version.hidden_size, mine.hidden_size),
            )
            if its != this
        ]
        return f"learned on another LLM: {'; '.join(differences)}" if differences else None

    def _loaded(self, book: str, version: int) -> _Loaded:
        key = book, version
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        loaded = self._load(book, version)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = loaded
                self._bytes += loaded.nbytes
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return loaded

    def _load(self, book: str, number: int) -> _Loaded:
        members: dict[int, Members] = {}
        damaged: list[int] = []
        with self._database.read() as session:
            version = versions.get_live(session, book, number)
            refused = self.refusal(version)
            if refused is not None:
                return _Loaded(Roster(refused=refused), {})
            method, placement = method_of(version.recipe), placement_of(version.recipe)
            for row in version.members:
                try:
                    artifact = artifacts.get(session, row.artifact_sha256)
                    members[row.ordinal] = member_from_bytes(method, artifact, self._llm, placement)
                except (DamagedArtifactError, NotFoundError, FormatError) as error:
                    log.error("member %d of %s is left out: %s", row.ordinal, version.id, error)
                    damaged.append(row.ordinal)
        if damaged:
            try:
                with self._database.write() as session:
                    versions.mark_damaged(session, version.id, damaged)
            except (StoreBusyError, StoreFullError):
                log.warning("the damage of %s could not be noted", version.id)
        if not members:
            raise DamagedArtifactError(version.members[0].artifact_sha256)
        roster = Roster(tuple(MemberId(book, number, member) for member in members), tuple(damaged))
        return _Loaded(roster, members)
