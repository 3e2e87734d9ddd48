"""What holds of threads whatever is done to them, in whatever order: real SQLite beside a model in memory.

After every step each owner lists exactly their own threads, newest first, each once whatever the size of a
page; a search finds those that have all of its words, anywhere, and no other; turns are numbered 1 to n and
are as they were kept. What is another's is as if it were not there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy.orm import Session

from store import threads
from store.errors import NotFoundError
from tests.databases import new_database

OWNERS = ("anna", "ben")
VOCABULARY = ("lamp", "lamps", "butter", "tower")
WORDS = st.lists(st.sampled_from(VOCABULARY), max_size=2)


@dataclass
class Kept:
    """What the model knows of a thread: its title's words, and those of each turn."""

    id: str
    owner: str
    title: list[str]
    turns: list[list[str]] = field(default_factory=list)

    def has(self, word: str) -> bool:
        """Whether a word of it begins so."""
        known = [each for words in (self.title, *self.turns) for each in words]
        return any(each.startswith(word) for each in known)


class Threads(RuleBasedStateMachine):
    """The threads of two owners, and all that can be done to them."""

    @initialize()
    def open(self) -> None:
        self.folder = TemporaryDirectory()
        self.database = new_database(Path(self.folder.name) / "threads.db")
        self.kept: list[Kept] = []

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()

    def any_of(self, data: st.DataObject) -> Kept:
        return data.draw(st.sampled_from(self.kept), label="thread")

    @rule(owner=st.sampled_from(OWNERS), title=WORDS)
    def begin(self, owner: str, title: list[str]) -> None:
        with self.database.write() as session:
            row = threads.begin(session, owner, " ".join(title) or None, title)
            self.kept.append(Kept(row.id, owner, title))

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), words=WORDS)
    def ask(self, data: st.DataObject, words: list[str]) -> None:
        thread = self.any_of(data)
        question = " ".join(words)
        with self.database.write() as session:
            row = threads.get(session, thread.id, thread.owner, lock=True)
            turn = threads.add_turn(
                session, row, question=question, answer={"said": words}, books=words, words=words
            )
        thread.turns.append(words)
        assert turn.number == len(thread.turns)

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), title=WORDS)
    def rename(self, data: st.DataObject, title: list[str]) -> None:
        thread = self.any_of(data)
        with self.database.write() as session:
            threads.rename(session, thread.id, thread.owner, " ".join(title) or None, title)
        thread.title = title

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        thread = self.any_of(data)
        with self.database.write() as session:
            threads.delete(session, thread.id, thread.owner)
        self.kept.remove(thread)
        with self.database.read() as session:
            assert threads.turns(session, thread.id) == []

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def reach_for_anothers(self, data: st.DataObject) -> None:
        thread = self.any_of(data)
        [other] = set(OWNERS) - {thread.owner}
        reaches: list[Callable[[Session], Any]] = [
            lambda session: threads.get(session, thread.id, other),
            lambda session: threads.rename(session, thread.id, other, "mine"),
            lambda session: threads.delete(session, thread.id, other),
            lambda session: threads.list_threads(session, other, after=thread.id),
        ]
        for reach in reaches:
            with pytest.raises(NotFoundError, match=thread.id), self.database.write() as session:
                reach(session)

    @invariant()
    def lists_and_searches_are_the_models(self) -> None:
        with self.database.read() as session:
            for owner in OWNERS:
                own = [each for each in reversed(self.kept) if each.owner == owner]
                for words in ((), ("lamp",), ("lamps", "butter"), ("tower",)):
                    fitting = [each.id for each in own if all(map(each.has, words))]
                    for limit in (1, 50):
                        assert self.listed(session, owner, words, limit) == fitting

    @invariant()
    def turns_are_as_they_were_kept(self) -> None:
        with self.database.read() as session:
            for each in self.kept:
                rows = threads.turns(session, each.id)
                assert [row.number for row in rows] == list(range(1, len(each.turns) + 1))
                assert [row.answer["said"] for row in rows] == [row.books for row in rows] == each.turns
                assert threads.turns(session, each.id, 2) == rows[-2:]
                outline = threads.outlines(session, [threads.get(session, each.id, each.owner)])[each.id]
                assert outline.turns == len(rows)
                assert outline.question == (rows[0].question if rows else "")
                assert outline.last_at == (rows[-1].created_at if rows else None)

    def listed(self, session: Session, owner: str, words: tuple[str, ...], limit: int) -> list[str]:
        """The ids of all threads that fit, read a page at a time."""
        found: list[str] = []
        more = True
        while more:
            after = found[-1] if found else None
            rows, more = threads.list_threads(session, owner, words, after, limit)
            found += [row.id for row in rows]
        return found


TestThreads = Threads.TestCase
TestThreads.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
