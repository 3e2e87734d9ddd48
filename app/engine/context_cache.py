"""What the LLM has read behind the skill, kept so that it is read once.

That is [skill][member][passages], or [skill][passages][member] for a member behind what it reads.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from app.engine.records import MemberId, Reading
from app.engine.runner import Runner
from trainer.llm import templates
from trainer.llm.context import Context
from trainer.llm.prefill import prefill
from trainer.methods.dispatch import member_contexts
from trainer.methods.members import Members

T = TypeVar("T")
# Texts that are read in one batch: an ask that comes meanwhile waits no longer than that.
_BATCH = 4
# Book, version, member, and the passages that were read in one context.
_Key = tuple[str, int | None, int | None, tuple[str, ...]]


class ContextCache:
    """The contexts of members and of the passages they have read.

    A member's context is computed once, a passage's once for each member in front of it, and once for all
    that stand behind it. The least recently used are forgotten first, once all together take over
    `most_bytes`. `tensors` gives what a member has learned, None for the bare LLM; the LLM computes where the
    `runner` runs it.
    """

    def __init__(
        self,
        runner: Runner,
        skill: Context,
        tensors: Callable[[MemberId], Members | None],
        *,
        most_bytes: int = 1 << 30,
    ) -> None:
        self._runner = runner
        self._llm = runner.llm
        self._skill = skill
        self._tensors = tensors
        self._most_bytes = most_bytes
        self._kept: OrderedDict[_Key, Context] = OrderedDict()
        # How many kept contexts hold each part: a passage holds the member before it, forgotten or not.
        self._holders: Counter[Context] = Counter()
        self._bytes = 0
        # How many contexts were asked for and there, and how many were computed.
        self.found = 0
        self.computed = 0
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of all that is kept, and of what it holds."""
        return self._bytes

    def of(self, readings: Sequence[Reading]) -> list[Context]:
        """What each reading's member has read behind the skill, with the member where it stands.

        Raises what `tensors` raises.
        """
        asked = {_key(one.member): one.member for one in readings if one.member.member is not None}
        learned = {key: self._learned(member) for key, member in asked.items()}
        behind = {key for key, member in learned.items() if member.placement == "behind"}
        read = self._members(
            {key: (member, self._skill) for key, member in learned.items() if key not in behind}
        )
        readers = {_passages_key(one, behind): one for one in readings if one.passages}
        read |= self._computed(
            {key: (one.passages, read.get(_key(one.member), self._skill)) for key, one in readers.items()},
            lambda chosen: prefill(
                self._llm,
                [templates.passages(self._llm, texts) for texts, _ in chosen],
                [member for _, member in chosen],
            ),
        )
        read |= self._members(
            {
                _key(one.member, one.passages): (
                    learned[_key(one.member)],
                    read.get(_passages_key(one, behind), self._skill),
                )
                for one in readings
                if _key(one.member) in behind
            }
        )
        return [read.get(_key(one.member, one.passages), self._skill) for one in readings]

    def _members(self, wanted: Mapping[_Key, tuple[Members, Context]]) -> dict[_Key, Context]:
        """The contexts of single members, each read after a context."""
        return self._computed(
            wanted,
            lambda chosen: member_contexts(
                self._llm, [member for member, _ in chosen], [after for _, after in chosen]
            ),
        )

    def has(self, reading: Reading) -> bool:
        """Whether the member has read these passages, and what it read is still kept."""
        with self._lock:
            return _key(reading.member, reading.passages) in self._kept

    def _learned(self, member: MemberId) -> Members:
        found = self._tensors(member)
        assert found is not None
        return found

    def _computed(
        self,
        wanted: Mapping[_Key, T],
        compute: Callable[[list[T]], list[Context]],
    ) -> dict[_Key, Context]:
        """The contexts of these keys: those that are kept, and what `compute` makes of the others."""
        found = self._found(wanted)
        with self._lock:
            self.found += len(found)
        # Sorted by length, a batch is padded little.
        missing = sorted(wanted.keys() - found.keys(), key=lambda key: (sum(map(len, key[3])), key))
        for first in range(0, len(missing), _BATCH):
            batch = {key: wanted[key] for key in missing[first : first + _BATCH]}
            found.update(self._runner.run_now(partial(self._compute, batch, compute)))
        return found

    def _compute(
        self, wanted: Mapping[_Key, T], compute: Callable[[list[T]], list[Context]]
    ) -> dict[_Key, Context]:
        # While this waited for its turn, another ask may have read the same.
        found = self._found(wanted)
        rest = [key for key in wanted if key not in found]
        if rest:
            made = dict(zip(rest, compute([wanted[key] for key in rest]), strict=True))
            self._keep(made)
            found.update(made)
        return found

    def _found(self, keys: Iterable[_Key]) -> dict[_Key, Context]:
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key in found:
                self._kept.move_to_end(key)
        return found

    def _keep(self, made: Mapping[_Key, Context]) -> None:
        with self._lock:
            self.computed += len(made)
            for key, context in made.items():
                if key not in self._kept:
                    self._kept[key] = context
                    for part in self._parts(context):
                        self._bytes += 0 if self._holders[part] else part.nbytes
                        self._holders[part] += 1
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                for part in self._parts(self._kept.popitem(last=False)[1]):
                    self._holders[part] -= 1
                    if not self._holders[part]:
                        del self._holders[part]
                        self._bytes -= part.nbytes

    def _parts(self, context: Context) -> list[Context]:
        """The parts of a context behind the skill."""
        return context.chain()[len(self._skill.chain()) :]


def _passages_key(reading: Reading, behind: Collection[_Key]) -> _Key:
    """Who reads the passages: the member, or nobody where it stands behind them."""
    nobody = _key(reading.member) in behind
    return _key(MemberId(reading.member.book) if nobody else reading.member, reading.passages)


def _key(member: MemberId, texts: Sequence[str] = ()) -> _Key:
    """Members that have learned nothing are one, whatever the book: the LLM behind the skill."""
    who = ("", None, None) if member.member is None else (member.book, member.version, member.member)
    return (*who, tuple(texts))
