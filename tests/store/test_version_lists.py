"""Lists of versions in every state."""

from collections.abc import Callable, Sequence

from sqlalchemy import select

from store import pruning, versions
from store.database import Database
from store.tables import Book, Member, Version
from tests.store.conftest import BASE_MODEL


def numbers(found: tuple[Sequence[Version], bool]) -> list[int]:
    return [version.number for version in found[0]]


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


def test_a_list_has_losses_without_the_curves(database: Database, add_book: Callable[..., Book]) -> None:
    metrics = {"loss_before": 3, "loss_after": None, "curve": [3.0, 2.5]}
    with database.write() as session:
        versions.publish(
            session,
            book_id=add_book(session, "Text.").id,
            members=[versions.NewMember(b"one", 0, metrics), versions.NewMember(b"two", 1)],
            recipe={},
            base_model=BASE_MODEL,
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
