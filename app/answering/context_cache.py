"""What voices have read behind the skill prompt: [skill][member][passage], kept so that it is read once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from app.engine.member_cache import Voice
from trainer.llm import templates
from trainer.llm.context import Context
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.prefill import prefill
from trainer.methods.dispatch import member_contexts

T = TypeVar("T")
# Texts that are read in one batch: an ask that comes meanwhile waits no longer than that.
_BATCH = 4
# Book, version, member, and the passages that were read in one context.
_Key = tuple[str, int | None, int | None, tuple[str, ...]]


class Readings:
    """What the LLM keeps of members and of what they have read.

    A member's are computed once, a passage's once for each member that reads it; the least recently used
    are forgotten first once all take over `most_bytes`. `run` says on which thread the LLM computes.
    """

    def __init__(
        self,
        llm: FrozenLLM,
        skill: Context,
        *,
        most_bytes: int = 1 << 30,
        run: Callable[[Callable[[], Any]], Any] = lambda work: work(),
    ) -> None:
        self._llm = llm
        self._skill = skill
        self._most_bytes = most_bytes
        self._run = run
        self._kept: OrderedDict[_Key, Context] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, voices: Sequence[Voice], passages: Sequence[Sequence[str]]) -> list[Context]:
        """What each voice has read: its passages, in one context, behind its own member."""
        learned = {_key(voice): voice.learned for voice in voices if voice.learned is not None}
        members = self._computed(learned, lambda chosen: member_contexts(self._llm, chosen, self._skill))
        wanted = {
            _key(voice, texts): (texts, members.get(_key(voice), self._skill))
            for voice, texts in zip(voices, passages, strict=True)
            if texts
        }
        read_by = members | self._computed(
            wanted,
            lambda chosen: prefill(
                self._llm,
                [templates.passages(self._llm, texts) for texts, _ in chosen],
                [member for _, member in chosen],
            ),
        )
        return [
            read_by.get(_key(voice, texts), self._skill)
            for voice, texts in zip(voices, passages, strict=True)
        ]

    def known(self, voice: Voice, texts: Sequence[str]) -> bool:
        """Whether a voice has read these passages, and what it has read is kept."""
        with self._lock:
            return _key(voice, texts) in self._kept

    def _computed(
        self, wanted: Mapping[_Key, T], compute: Callable[[list[T]], list[Context]]
    ) -> dict[_Key, Context]:
        """The contexts of these keys: those that are kept, and what `compute` makes of the others."""
        found = self._found(wanted)
        # Sorted by length, a batch is padded little.
        missing = sorted(wanted.keys() - found.keys(), key=lambda key: (sum(map(len, key[3])), key))
        for first in range(0, len(missing), _BATCH):
            batch = {key: wanted[key] for key in missing[first : first + _BATCH]}
            found.update(self._run(partial(self._compute, batch, compute)))
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
            for key, context in made.items():
                if key not in self._kept:
                    self._kept[key] = context
                    self._bytes += context.nbytes
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes


def _key(voice: Voice, texts: Sequence[str] = ()) -> _Key:
    """Voices that have learned nothing are one: the LLM behind its skill prompt."""
    who = ("", None, None) if voice.learned is None else (voice.book, voice.version, voice.member)
    return (*who, tuple(texts))
