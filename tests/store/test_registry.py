"""Rolling back, pruning, the gate, and lists in every state."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from store import aliases, artifacts, books, jobs, pruning, studies, versions
from store.database import Database
from store.errors import (
    NotFoundError,
    NothingToRollBackToError,
    VersionInUseError,
    VersionPrunedError,
    WorseThanChampionError,
)
from store.tables import Artifact, Book, Member, Version

WORSE = {"passed": False, "champion": 1, "loss": 3.1, "champion_loss": 2.9, "forced": False}


@pytest.fixture
def book(database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]) -> str:
    """A book of four versions, each with bytes of its own and some that all share."""
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        for number in range(1, 5):
            publish(session, book_id, b"own %d" % number, b"shared")
    return book_id


def gated(database: Database, number: int, gate: Mapping[str, Any]) -> None:
    with database.write() as session:
        version = session.scalar(select(Version).where(Version.number == number))
        assert version is not None
        version.gate = dict(gate)


def numbers(found: tuple[Sequence[Version], bool]) -> list[int]:
    return [version.number for version in found[0]]


def rolled(database: Database, book: str, alias: str = "champion") -> int:
    with database.write() as session:
        return aliases.rollback(session, book, alias, who="me").number


def test_each_rollback_goes_one_move_further_back(database: Database, book: str) -> None:
    assert [rolled(database, book) for _ in range(3)] == [3, 2, 1]
    with pytest.raises(NothingToRollBackToError, match="champion"):
        rolled(database, book)
    with database.read() as session:
        moves = [
            (move.from_number, move.to_number, move.rollback)
            for move in aliases.history(session, book, "champion", limit=3)
        ]
        assert moves == [(2, 1, True), (3, 2, True), (4, 3, True)]
        assert books.get(session, book).aliases == {"champion": 1, "latest": 4}


def test_a_move_after_a_rollback_is_what_the_next_one_undoes(database: Database, book: str) -> None:
    assert [rolled(database, book), rolled(database, book)] == [3, 2]
    with database.write() as session:
        aliases.move(session, book, "champion", 4, who="me")
    assert [rolled(database, book), rolled(database, book)] == [2, 1]


def test_moving_back_by_hand_is_a_move_that_can_be_undone(database: Database, book: str) -> None:
    with database.write() as session:
        aliases.move(session, book, "champion", 1, who="me")
    assert [rolled(database, book), rolled(database, book)] == [4, 3]


def test_a_removal_is_undone(database: Database, book: str) -> None:
    with database.write() as session:
        aliases.remove(session, book, "champion", who="me")
    assert rolled(database, book) == 4
    with database.write() as session:
        aliases.remove(session, book, "champion", who="me")
        aliases.move(session, book, "champion", 2, who="me")
    assert [rolled(database, book), rolled(database, book)] == [4, 3]


def test_a_rollback_passes_over_what_was_pruned(database: Database, book: str) -> None:
    with database.write() as session:
        pruning.prune_version(session, book, 3)
        pruning.prune_version(session, book, 2)
    assert rolled(database, book) == 1
    with pytest.raises(NothingToRollBackToError):
        rolled(database, book)


def test_there_is_nothing_to_roll_back_of_an_alias_never_moved(database: Database, book: str) -> None:
    with pytest.raises(NothingToRollBackToError):
        rolled(database, book, "other")
    with database.write() as session, pytest.raises(NotFoundError):
        aliases.rollback(session, "book_none", "champion", who="me")


def test_a_version_worse_than_the_champion_takes_force(database: Database, book: str) -> None:
    gated(database, 2, WORSE)
    with database.write() as session:
        with pytest.raises(WorseThanChampionError, match=r"3\.10 against 2\.90") as caught:
            aliases.move(session, book, "champion", 2, who="me")
        assert caught.value.gate == WORSE
        aliases.move(session, book, "other", 2, who="me")
        aliases.move(session, book, "champion", 2, who="me", why="I like it", force=True)
        aliases.move(session, book, "champion", 3, who="me", force=True)
        whys = [move.why for move in aliases.history(session, book, "champion", limit=2)]
        assert whys == [None, "I like it (forced)"]
    # It was the champion once: going back to it takes no force.
    assert rolled(database, book) == 2


def test_what_is_pruned_keeps_its_record_and_lets_go_of_its_bytes(database: Database, book: str) -> None:
    with database.write() as session:
        assert pruning.prune_versions(session, book, keep=2) == [1, 2]
        assert pruning.prune_versions(session, book, keep=2) == []
    with database.read() as session:
        version = versions.get(session, book, 1)
        assert (version.state, version.recipe, len(version.members)) == ("pruned", {"steps": 4}, 2)
        with pytest.raises(VersionPrunedError):
            versions.get_live(session, book, 1)
        own, shared = (member.artifact_sha256 for member in version.members)
        with pytest.raises(NotFoundError):
            artifacts.get(session, own)
        assert artifacts.get(session, shared) == b"shared"
        assert session.scalar(select(Artifact.size).where(Artifact.sha256 == own)) == 5
        assert versions.member_artifacts(session, versions.get(session, book, 3)) == [b"own 3", b"shared"]
        assert len(aliases.history(session, book)) == 8


def test_what_is_shared_goes_with_the_last_that_holds_it(database: Database, book: str) -> None:
    with database.write() as session:
        aliases.remove(session, book, "champion", who="me")
        aliases.remove(session, book, "latest", who="me")
        assert pruning.prune_versions(session, book, keep=0) == [1, 2, 3, 4]
    with database.read() as session:
        assert session.scalars(select(Artifact).where(Artifact.pruned_at.is_(None))).all() == []


def test_what_an_alias_is_on_or_a_job_goes_on_from_is_kept(database: Database, book: str) -> None:
    with database.write() as session:
        aliases.move(session, book, "champion", 1, who="me")
        job = jobs.enqueue(session, book_id=book, recipe={}, parent=2)
        for number, words in ((1, "the alias champion"), (2, f"the job {job.id}")):
            with pytest.raises(VersionInUseError, match=words):
                pruning.prune_version(session, book, number)
        assert pruning.prune_versions(session, book, keep=1) == [3]
        jobs.cancel(session, job.id)
        assert pruning.prune_versions(session, book, keep=1) == [2]


def test_no_number_is_given_twice_and_children_outlive_their_parent(
    database: Database, book: str, publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        child = publish(session, book, b"own 5", parent=4)
        aliases.move(session, book, "champion", 1, who="me")
        aliases.move(session, book, "latest", 1, who="me")
        pruning.prune_versions(session, book, keep=1)
        assert pruning.prune_version(session, book, 5).state == "pruned"
        assert pruning.prune_version(session, book, 5).pruned_at == child.pruned_at
        assert publish(session, book).number == 6


def test_a_pruned_version_is_no_place_for_an_alias(database: Database, book: str) -> None:
    with database.write() as session:
        pruning.prune_version(session, book, 2)
        for alias in ("champion", "other"):
            with pytest.raises(VersionPrunedError, match="Version 2"):
                aliases.move(session, book, alias, 2, who="me", force=True)


def test_the_same_bytes_published_again_are_there_again(
    database: Database, book: str, publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        pruning.prune_version(session, book, 1)
        again = publish(session, book, b"own 1")
    with database.read() as session:
        assert versions.member_artifacts(session, again) == [b"own 1"]


def test_what_cannot_be_pruned(database: Database, book: str) -> None:
    with database.write() as session:
        for call in (
            lambda: pruning.prune_versions(session, "book_none", keep=1),
            lambda: pruning.prune_version(session, "book_none", 1),
            lambda: pruning.prune_version(session, book, 9),
        ):
            with pytest.raises(NotFoundError):
                call()
        with pytest.raises(ValueError, match="-1"):
            pruning.prune_versions(session, book, keep=-1)


def test_lists_by_state_and_by_several_filters(
    database: Database, book: str, publish: Callable[..., Version], add_book: Callable[..., Book]
) -> None:
    with database.write() as session:
        pruning.prune_version(session, book, 1)
        versions.mark_damaged(session, versions.get(session, book, 3).id, [1])
        other = add_book(session, "Other.").id
        for _ in range(3):
            publish(session, other, model="other/llm")
        pruning.prune_versions(session, other, keep=1)
    with database.read() as session:
        listed = versions.list_versions
        assert numbers(listed(session, state="live", book_id=book)) == [4, 2]
        assert numbers(listed(session, state="damaged")) == [3]
        assert numbers(listed(session, state="pruned")) == [2, 1, 1]
        assert numbers(listed(session, state="pruned", base_model="other/llm")) == [2, 1]
        assert numbers(listed(session, alias="champion", base_model="some/llm")) == [4]
        first, more = listed(session, alias="latest", limit=1)
        assert (first[0].book_id, more) == (other, True)
        second, more = listed(session, alias="latest", limit=1, after=first[0].id)
        assert (second[0].book_id, more) == (book, False)


def test_a_pruned_version_stays_pruned_when_damage_is_found(database: Database, book: str) -> None:
    with database.write() as session:
        version = pruning.prune_version(session, book, 1)
        versions.mark_damaged(session, version.id, [0])
    with database.read() as session:
        assert versions.get(session, book, 1).state == "pruned"


def test_a_list_has_losses_without_the_curves(database: Database, add_book: Callable[..., Book]) -> None:
    metrics = {"loss_before": 3, "loss_after": None, "curve": [3.0, 2.5]}
    with database.write() as session:
        versions.publish(
            session,
            book_id=add_book(session, "Text.").id,
            members=[versions.NewMember(b"one", 0, metrics), versions.NewMember(b"two", 1)],
            recipe={},
            base_model={
                "id": "m",
                "revision": None,
                "hidden_size": 1,
                "quantization": "none",
                "dtype": "float32",
            },
            metrics={},
            parent=None,
            job_id=None,
            who="test",
        )
    with database.read() as session:
        [version], _ = versions.list_versions(session)
        assert [(each.loss_before, each.loss_after) for each in version.members] == [(3, None), (None, None)]
        assert not any("metrics" in each.__dict__ for each in version.members)
        assert session.scalars(select(Member.metrics).order_by(Member.ordinal)).all() == [metrics, {}]


def test_the_newest_study_is_what_was_last_written(database: Database, book: str) -> None:
    model: dict[str, Any] = {
        "id": "m",
        "revision": None,
        "hidden_size": 1,
        "quantization": "none",
        "dtype": "float32",
    }
    with database.write() as session:
        assert studies.newest(session, book) is None
        for key in "ab":
            studies.put(
                session,
                book_id=book,
                key=key * 64,
                base_model=model,
                skill_id=None,
                settings={},
                items=[{"question": key}],
            )
        newest = studies.newest(session, book)
        assert newest is not None
        assert newest.key == "b" * 64


def test_a_history_is_read_a_page_at_a_time(database: Database, book: str) -> None:
    with database.read() as session:
        whole = aliases.history(session, book)
        first = aliases.history(session, book, limit=3)
        rest = aliases.history(session, book, after=first[-1].id)
        assert [move.id for move in first + rest] == [move.id for move in whole]
        assert {move.alias for move in aliases.history(session, book, "latest")} == {"latest"}
