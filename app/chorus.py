"""The chorus of a version: its members' soft prompts, read from the registry and kept for a while."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from torch import Tensor

from store import versions
from store.database import Database
from store.tables import Version
from trainer.frozen import Identity
from trainer.prompts import from_bytes


@dataclass(frozen=True)
class Voice:
    """One member that answers: its soft prompt [virtual tokens, hidden]; without one it is the bare LLM."""

    book: str
    version: int | None = None
    member: int | None = None
    prompt: Tensor | None = None


class Choruses:
    """Choruses by version, the least recently asked forgotten first once they take over `most_bytes`."""

    def __init__(self, database: Database, identity: Identity, *, most_bytes: int = 256 << 20) -> None:
        self._database = database
        self._identity = identity
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, list[Voice]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, version: Version) -> list[Voice] | None:
        """The members of `version`, or None when it was learned on another LLM than the one that is loaded.

        Raises DamagedArtifact or PromptFormatError when a member's bytes are not what was published.
        """
        if not self.fits(version):
            return None
        with self._lock:
            if version.id in self._kept:
                self._kept.move_to_end(version.id)
                return self._kept[version.id]
        with self._database.read() as session:
            artifacts = versions.members(session, version)
        chorus = [
            Voice(version.book_id, version.number, member, from_bytes(artifact, self._identity.hidden_size))
            for member, artifact in enumerate(artifacts)
        ]
        with self._lock:
            if version.id not in self._kept:
                self._kept[version.id] = chorus
                self._bytes += _size(chorus)
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                self._bytes -= _size(self._kept.popitem(last=False)[1])
        return chorus

    def fits(self, version: Version) -> bool:
        """Tell whether `version` was learned on this LLM; its quantization and dtype may have been others."""
        mine = (self._identity.id, self._identity.revision, self._identity.hidden_size)
        return mine == (version.base_model_id, version.base_model_revision, version.hidden_size)


def _size(chorus: list[Voice]) -> int:
    return sum(voice.prompt.nbytes for voice in chorus if voice.prompt is not None)
