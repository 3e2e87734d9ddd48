"""What holds of the registry whatever is done to it, in whatever order: real SQLite beside a model in memory.

After every step:

- a book's versions are numbered 1 to n, without a gap, and none is ever given again or disappears;
- what was published of a version (recipe, metrics, hashes, parent) never changes, pruned or not;
- an alias names a version of its own book, and one that is not pruned;
- a book's history, replayed from its first move, gives its aliases, and no line of it ever changes;
- `champion` went to a version that was worse than the champion of its day only where the history says
  "forced", or by a rollback;
- the bytes of every version that is not pruned are there, whole, but for those that were damaged; those of
  pruned versions are gone, unless a version that is not pruned has the same; all hashes are still there;
- a version is `pruned` where it was pruned, else `damaged` where a member is, else `live`;
- lists hold every version once, newest first, whatever the filter and the size of a page.

Closing the database and opening it again changes nothing at all, and restoring a backup brings back all
that was when it was made, and nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select, update

from store import aliases, artifacts, books, pruning, versions
from store.backup import backup, restore
from store.database import Database
from store.editions import Edition
from store.errors import (
    DamagedArtifactError,
    NotFoundError,
    NothingToRollBackToError,
    VersionInUseError,
    VersionPrunedError,
    WorseThanChampionError,
)
from store.tables import Alias, AliasMove, Artifact, Base, Version
from tests.databases import new_database

BOOKS = ["one", "two"]
NAMES = ["champion", "latest", "best"]
# Few, so that versions share bytes.
BYTES = st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e"]), min_size=1, max_size=3)
NUMBERS = st.integers(1, 8)


@dataclass
class Published:
    """What the model knows of a version."""

    members: list[bytes]
    parent: int | None
    worse: bool
    pruned: bool = False
    damaged: bool = False


@dataclass
class Shelf:
    """What the model knows of a book."""

    id: str
    versions: list[Published] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)
    # Of each alias: where it was, without what rollbacks have undone.
    past: dict[str, list[int | None]] = field(default_factory=dict)

    def live(self, number: int | None) -> bool:
        """Whether the book has this version, not pruned."""
        return number is not None and number <= len(self.versions) and not self.versions[number - 1].pruned

    def moved(self, alias: str, number: int) -> None:
        """Note that an alias was put on a version."""
        if self.aliases.get(alias) != number:
            self.aliases[alias] = number
            self.past.setdefault(alias, []).append(number)


class Registry(RuleBasedStateMachine):
    """The registry of two books, and all that can be done to it."""

    @initialize()
    def open(self) -> None:
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "registry.db"
        self.database = new_database(self.path)
        self.broken: set[bytes] = set()
        self.lines: list[tuple[Any, ...]] = []
        # What lists were last made of.
        self.listed: object = None
        self.backed_up: tuple[Any, Any] | None = None
        with self.database.write() as session:
            self.shelves = [
                Shelf(books.add(session, Edition(text, _hash(text.encode()), [], []), title=text)[0].id)
                for text in BOOKS
            ]

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()

    @rule(place=st.integers(0, 1), members=BYTES, parent=NUMBERS, worse=st.booleans(), promote=st.booleans())
    def publish(self, place: int, members: list[bytes], parent: int, worse: bool, promote: bool) -> None:
        shelf = self.shelves[place]
        known = parent if parent <= len(shelf.versions) else None
        gate = {"passed": not worse, "champion": 1, "loss": 2.0, "champion_loss": 1.0, "forced": promote}
        with self.database.write() as session:
            made = versions.publish(
                session,
                book_id=shelf.id,
                members=[versions.NewMember(data, seed) for seed, data in enumerate(members)],
                recipe={"number": len(shelf.versions) + 1},
                base_model={
                    "id": "some/llm",
                    "revision": "abc",
                    "hidden_size": 8,
                    "quantization": "none",
                    "dtype": "float32",
                },
                metrics={},
                parent=known,
                job_id=None,
                who="test",
                gate=gate,
                promote=promote,
            )
            # What was let go of and is published again is whole again; what is held and damaged stays so.
            held = {
                data for each in self.shelves for v in each.versions if not v.pruned for data in v.members
            }
            self.broken -= set(members) - held
        shelf.versions.append(Published(members, known, worse))
        assert made.number == len(shelf.versions)
        for alias in ("latest", "champion") if promote else ("latest",):
            shelf.moved(alias, made.number)

    @rule(place=st.integers(0, 1), alias=st.sampled_from(NAMES), number=NUMBERS, force=st.booleans())
    def promote(self, place: int, alias: str, number: int, force: bool) -> None:
        shelf = self.shelves[place]
        expected: type[Exception] | None = None
        if number > len(shelf.versions):
            expected = NotFoundError
        elif not shelf.live(number):
            expected = VersionPrunedError
        elif alias == "champion" and shelf.versions[number - 1].worse and not force:
            expected = None if shelf.aliases.get(alias) == number else WorseThanChampionError
        with refused(expected), self.database.write() as session:
            aliases.move(session, shelf.id, alias, number, who="test", force=force)
        if expected is None:
            shelf.moved(alias, number)

    @rule(place=st.integers(0, 1), alias=st.sampled_from(NAMES))
    def roll_back(self, place: int, alias: str) -> None:
        shelf = self.shelves[place]
        current, past = shelf.aliases.get(alias), shelf.past.get(alias, [])
        depth = next(
            (
                depth
                for depth in range(len(past) - 2, -1, -1)
                if past[depth] != current and shelf.live(past[depth])
            ),
            None,
        )
        with refused(NothingToRollBackToError if depth is None else None), self.database.write() as session:
            aliases.rollback(session, shelf.id, alias, who="test")
        if depth is not None:
            del past[depth + 1 :]
            number = past[depth]
            assert number is not None
            shelf.aliases[alias] = number

    @rule(place=st.integers(0, 1), alias=st.sampled_from(NAMES))
    def remove(self, place: int, alias: str) -> None:
        shelf = self.shelves[place]
        with refused(None if alias in shelf.aliases else NotFoundError), self.database.write() as session:
            aliases.remove(session, shelf.id, alias, who="test")
        if shelf.aliases.pop(alias, None) is not None:
            shelf.past[alias].append(None)

    @rule(place=st.integers(0, 1), keep=st.integers(0, 3))
    def prune(self, place: int, keep: int) -> None:
        shelf = self.shelves[place]
        standing = [number for number in range(1, len(shelf.versions) + 1) if shelf.live(number)]
        older = standing[: max(0, len(standing) - keep)]
        wanted = [number for number in older if number not in shelf.aliases.values()]
        with self.database.write() as session:
            assert pruning.prune_versions(session, shelf.id, keep=keep) == wanted
        for number in wanted:
            shelf.versions[number - 1].pruned = True

    @rule(place=st.integers(0, 1), number=NUMBERS)
    def delete(self, place: int, number: int) -> None:
        shelf = self.shelves[place]
        expected: type[Exception] | None = None
        if number > len(shelf.versions):
            expected = NotFoundError
        elif number in shelf.aliases.values():
            expected = VersionInUseError
        with refused(expected), self.database.write() as session:
            pruning.prune_version(session, shelf.id, number)
        if expected is None:
            shelf.versions[number - 1].pruned = True

    @rule(place=st.integers(0, 1), number=NUMBERS, data=st.data())
    def damage(self, place: int, number: int, data: st.DataObject) -> None:
        """Bytes change on the disk, and the next who reads them marks the members that hold them."""
        shelf = self.shelves[place]
        if not shelf.live(number):
            return
        version = shelf.versions[number - 1]
        broken = data.draw(st.sampled_from(version.members))
        with self.database.write() as session:
            session.execute(
                update(Artifact).where(Artifact.sha256 == _hash(broken)).values(data=b"other bytes")
            )
            row = versions.get(session, shelf.id, number)
            marked = [ordinal for ordinal, each in enumerate(version.members) if each == broken]
            versions.mark_damaged(session, row.id, marked)
        self.broken.add(broken)
        version.damaged = True

    @rule()
    def restart(self) -> None:
        before = everything(self.database)
        self.database.close()
        self.database = Database(f"sqlite:///{self.path}")
        self.database.migrate()
        assert everything(self.database) == before

    @rule()
    def back_up(self) -> None:
        backup(self.database, self.path.with_suffix(".backup"), force=True)
        self.backed_up = deepcopy((self.shelves, self.broken, self.lines)), everything(self.database)

    @precondition(lambda self: self.backed_up is not None)
    @rule()
    def restore(self) -> None:
        assert self.backed_up is not None
        known, before = self.backed_up
        restore(self.database, self.path.with_suffix(".backup"), force=True)
        self.shelves, self.broken, self.lines = deepcopy(known)
        assert everything(self.database) == before

    @invariant()
    def versions_are_as_published(self) -> None:
        with self.database.read() as session:
            for shelf in self.shelves:
                query = select(Version).where(Version.book_id == shelf.id).order_by(Version.number)
                rows = list(session.scalars(query))
                assert [row.number for row in rows] == list(range(1, len(shelf.versions) + 1))
                for row, known in zip(rows, shelf.versions, strict=True):
                    hashes = [member.artifact_sha256 for member in row.members]
                    assert hashes == [_hash(data) for data in known.members]
                    assert (row.recipe, row.parent_number) == ({"number": row.number}, known.parent)
                    assert (row.pruned_at is not None) == known.pruned
                    state = "pruned" if known.pruned else "damaged" if known.damaged else "live"
                    assert row.state == state

    @invariant()
    def artifacts_are_those_of_what_is_not_pruned(self) -> None:
        every = {data for shelf in self.shelves for version in shelf.versions for data in version.members}
        held = {
            data
            for shelf in self.shelves
            for version in shelf.versions
            if not version.pruned
            for data in version.members
        }
        with self.database.read() as session:
            assert set(session.scalars(select(Artifact.sha256))) == {_hash(data) for data in every}
            for data in every:
                with refused(
                    NotFoundError
                    if data not in held
                    else DamagedArtifactError
                    if data in self.broken
                    else None
                ):
                    assert artifacts.get(session, _hash(data)) == data

    @invariant()
    def aliases_are_what_the_history_gives(self) -> None:
        with self.database.read() as session:
            lines = [
                (each.id, each.book_id, each.alias, each.from_number, each.to_number, each.rollback, each.why)
                for each in session.scalars(select(AliasMove).order_by(AliasMove.id))
            ]
            assert lines[: len(self.lines)] == self.lines
            self.lines = lines
            for shelf in self.shelves:
                replayed: dict[str, int] = {}
                for move in reversed(aliases.history(session, shelf.id)):
                    assert replayed.get(move.alias) == move.from_number
                    if move.to_number is None:
                        del replayed[move.alias]
                        continue
                    replayed[move.alias] = move.to_number
                    worse = shelf.versions[move.to_number - 1].worse
                    if move.alias == "champion" and worse and not move.rollback:
                        assert "forced" in (move.why or "")
                assert replayed == shelf.aliases == books.get(session, shelf.id).aliases
                assert all(shelf.live(number) for number in replayed.values())

    @invariant()
    def lists_hold_each_version_once(self) -> None:
        with self.database.read() as session:
            newest = select(Version).order_by(Version.created_at.desc(), Version.id.desc())
            rows = list(session.scalars(newest))
            named = set(session.scalars(select(Alias.version_id).where(Alias.name == "champion")))
            # The same rows make the same lists.
            aliases = set(map(tuple, session.execute(select(Alias.version_id, Alias.name))))
            made_of = [(row.id, row.state) for row in rows], aliases
            if made_of == self.listed:
                return
            for limit in (2, 50):
                assert listed(session, limit) == [row.id for row in rows]
                for state in ("live", "damaged", "pruned"):
                    fitting = [row.id for row in rows if row.state == state]
                    assert listed(session, limit, state=state) == fitting
                assert listed(session, limit, alias="champion") == [row.id for row in rows if row.id in named]
            self.listed = made_of


def listed(session: Any, limit: int, **filters: Any) -> list[str]:
    """The ids of all versions that fit, read a page at a time."""
    found: list[str] = []
    more = True
    while more:
        after = found[-1] if found else None
        rows, more = versions.list_versions(session, after=after, limit=limit, **filters)
        found += [row.id for row in rows]
    return found


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with database.read() as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(table.select())), key=repr)
            for table in Base.metadata.sorted_tables
        }


@contextmanager
def refused(error: type[Exception] | None) -> Iterator[None]:
    """What is inside fails with `error`, or does not fail."""
    if error is None:
        yield
        return
    with pytest.raises(error):
        yield


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()


Registry.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestRegistry = Registry.TestCase
