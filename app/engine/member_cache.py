"""The chorus of a version: its members, read from the registry and kept for a while."""

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass

from app.schemas import Candidate
from store import artifacts, versions
from store.database import Database
from store.errors import DamagedArtifactError, NotFoundError, StoreBusyError, StoreFullError
from store.tables import Version
from trainer.llm.frozen_llm import FrozenLLM
from trainer.methods.dispatch import member_from_bytes
from trainer.methods.members import Members, join_members
from trainer.methods.tensors import FormatError
from trainer.recipe import method_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Voice:
    """One member that answers, with what it has `learned`; without it is the bare LLM."""

    book: str
    version: int | None = None
    member: int | None = None
    learned: Members | None = None

    def candidate(
        self,
        text: str,
        log_likelihood: float,
        weight: float,
        *,
        sample: int = 0,
        passage: int | None = None,
        answerable: float | None = None,
    ) -> Candidate:
        """What it says, as a candidate."""
        return Candidate(
            book=self.book,
            version=self.version,
            member=self.member,
            sample=sample,
            text=text,
            log_likelihood=log_likelihood,
            weight=weight,
            passage=passage,
            answerable=answerable,
        )


@dataclass(frozen=True)
class Chorus:
    """The members of a version that can answer, and the numbers of those that are damaged."""

    voices: list[Voice]
    damaged: list[int]

    @property
    def nbytes(self) -> int:
        """Bytes of what the members have learned."""
        return sum(voice.learned.nbytes for voice in self.voices if voice.learned is not None)


class UnusableError(Exception):
    """A version's members cannot be had whole; `slug` is the stable name of the reason."""

    def __init__(self, number: int, slug: str, why: str) -> None:
        super().__init__(f"Version {number} {why}.")
        self.slug = slug
        self.why = why


class Choruses:
    """Choruses by version, the least recently asked forgotten first once they take over `most_bytes`."""

    def __init__(self, database: Database, llm: FrozenLLM, *, most_bytes: int = 256 << 20) -> None:
        self._database = database
        self._llm = llm
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, Chorus] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, version: Version) -> Chorus | None:
        """The members of `version`, or None when it was learned on another LLM than the one that is loaded.

        A member whose bytes are not what was published is left out, and marked in the registry. Raises
        DamagedArtifactError when none is left, VersionPrunedError when `version` was pruned since it was
        looked up, and NotFoundError when its book was removed.
        """
        if not self.fits(version):
            return None
        with self._lock:
            if version.id in self._kept:
                self._kept.move_to_end(version.id)
                return self._kept[version.id]
        chorus = self._read(version)
        with self._lock:
            if version.id not in self._kept:
                self._kept[version.id] = chorus
                self._bytes += chorus.nbytes
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return chorus

    def members(self, version: Version) -> Members:
        """What all members have learned, to go on from or to compare with.

        UnusableError: they are pruned, not all of them are what was published, or they are of another LLM.
        """
        if version.pruned_at is not None:
            raise UnusableError(version.number, "pruned", "is pruned: its soft prompts are gone")
        try:
            chorus = self.of(version)
        except DamagedArtifactError:
            chorus = Chorus([], [member.ordinal for member in version.members])
        if chorus is None:
            raise UnusableError(version.number, "of-other-model", "was learned on another LLM")
        if chorus.damaged:
            members = ", ".join(map(str, chorus.damaged))
            raise UnusableError(version.number, "damaged", f"is damaged: members {members} have changed")
        return join_members([voice.learned for voice in chorus.voices if voice.learned is not None])

    def _read(self, version: Version) -> Chorus:
        voices: list[Voice] = []
        damaged: list[int] = []
        method = method_of(version.recipe)
        with self._database.read() as session:
            versions.live(session, version.book_id, version.number)
            for member in version.members:
                try:
                    artifact = artifacts.get(session, member.artifact_sha256)
                    learned = member_from_bytes(method, artifact, self._llm)
                except (DamagedArtifactError, NotFoundError, FormatError) as error:
                    log.error("member %d of %s is left out: %s", member.ordinal, version.id, error)
                    damaged.append(member.ordinal)
                    continue
                voices.append(Voice(version.book_id, version.number, member.ordinal, learned))
        if damaged:
            try:
                with self._database.write() as session:
                    versions.mark_damaged(session, version.id, damaged)
            except (StoreBusyError, StoreFullError):
                log.warning("the damage of %s could not be noted", version.id)
        if not voices:
            raise DamagedArtifactError(version.members[0].artifact_sha256)
        return Chorus(voices, damaged)

    def fits(self, version: Version) -> bool:
        """Tell whether `version` was learned on this LLM; its quantization and dtype may have been others."""
        return self.refusal(version) is None

    def refusal(self, version: Version) -> str | None:
        """Why this LLM cannot use `version`: how the LLM that it was learned on is another."""
        mine = self._llm.identity
        told = [
            f"{name} {its}, not {this}"
            for name, its, this in (
                ("id", version.base_model_id, mine.id),
                ("revision", version.base_model_revision, mine.revision),
                ("hidden size", version.hidden_size, mine.hidden_size),
            )
            if its != this
        ]
        return f"learned on another LLM: {'; '.join(told)}" if told else None
