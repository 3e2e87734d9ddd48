"""Versions that are pruned."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from store import aliases, artifacts, jobs, pruning, versions
from store.database import Database
from store.errors import (
    NotFoundError,
    VersionInUseError,
    VersionPrunedError,
)
from store.tables import Artifact, Version


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


def test_a_pruned_version_stays_pruned_when_damage_is_found(database: Database, book: str) -> None:
    with database.write() as session:
        version = pruning.prune_version(session, book, 1)
        versions.mark_damaged(session, version.id, [0])
    with database.read() as session:
        assert versions.get(session, book, 1).state == "pruned"


def test_members_are_not_damaged_by_being_pruned(database: Database, book: str) -> None:
    """Whoever read the version just before found its bytes gone."""
    with database.write() as session:
        version = pruning.prune_version(session, book, 1)
        versions.mark_damaged(session, version.id, [0, 1])
    with database.read() as session:
        version = versions.get(session, book, 1)
        assert version.state == "pruned"
        assert [member.damaged_at for member in version.members] == [None, None]
