"""Aliases that are moved, rolled back and held back by the gate."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select

from store import aliases, books, pruning
from store.database import Database
from store.errors import (
    NotFoundError,
    NothingToRollBackToError,
    WorseThanChampionError,
)
from store.tables import Version

WORSE = {"passed": False, "champion": 1, "loss": 3.1, "champion_loss": 2.9, "forced": False}


def gated(database: Database, number: int, gate: Mapping[str, Any]) -> None:
    with database.write() as session:
        version = session.scalar(select(Version).where(Version.number == number))
        assert version is not None
        version.gate = dict(gate)


def rolled(database: Database, book: str, alias: str = "champion") -> int:
    with database.write() as session:
        return aliases.rollback(session, book, alias, who="me").number


def test_each_rollback_goes_one_move_further_back(database: Database, book: str) -> None:
    assert [rolled(database, book) for _ in range(3)] == [3, 2, 1]
    with pytest.raises(NothingToRollBackToError, match=r"^There is no earlier version.*bookchorus promote"):
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


def test_a_history_is_read_a_page_at_a_time(database: Database, book: str) -> None:
    with database.read() as session:
        whole = aliases.history(session, book)
        first = aliases.history(session, book, limit=3)
        rest = aliases.history(session, book, after=first[-1].id)
        assert [move.id for move in first + rest] == [move.id for move in whole]
        assert {move.alias for move in aliases.history(session, book, "latest")} == {"latest"}
