"""The index in a bucket, for machines that share a database and no folder: PostgreSQL and an S3 server."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from store import clock
from store.backup import backup, restore
from store.bucket import Bucket
from store.database import Database
from store.outside import home_of
from store.search.index import PassageIndex
from store.search.index_snapshots import IndexSnapshots
from store.search.library_index import LibraryIndex
from store.tables import Book, IndexSnapshot
from tests import s3
from tests.store.conftest import Embedder, postgresql_only

pytestmark = postgresql_only


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    with s3.running() as url:
        yield url


@pytest.fixture
def bucket(s3_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bucket:
    for name, value in s3.variables(s3_url).items():
        monkeypatch.setenv(name, value)
    return Bucket(f"s3://books/{tmp_path.name}")


@pytest.fixture
def database(url: str, bucket: Bucket) -> Iterator[Database]:
    database = Database(url, bucket=bucket)
    yield database
    database.close()


Machine = Callable[[str], PassageIndex]


@pytest.fixture
def machine(database: Database, tmp_path: Path, embedder: Embedder) -> Iterator[Machine]:
    """The index of a machine by its name, with a folder of its own."""
    made: list[PassageIndex] = []

    def make(name: str) -> PassageIndex:
        made.append(PassageIndex(database, tmp_path / name, embedder, embedder.name, batch_size=2))
        return made[-1]

    yield make
    for each in made:
        each.settle()


def snapshot(database: Database) -> IndexSnapshot:
    with database.read() as session:
        return session.scalars(select(IndexSnapshot)).one()


def objects(database: Database, bucket: Bucket) -> set[str]:
    return {each.name for each in bucket.objects(home_of(snapshot(database).place))}


def named(database: Database) -> set[str]:
    files = snapshot(database).files
    assert files is not None
    return set(files.values())


def published(index: PassageIndex) -> None:
    index.complete()
    index.settle()


def test_another_machine_reads_what_one_has_indexed(
    database: Database, library: dict[str, str], machine: Machine
) -> None:
    one, other = machine("one"), machine("other")
    published(one)
    assert other.search("Who sings in the ocean?", 9) == one.search("Who sings in the ocean?", 9)
    assert (one.rebuilds, other.rebuilds) == (1, 0)


def test_what_came_since_is_added_from_the_database(
    database: Database, library: dict[str, str], machine: Machine, add_book: Callable[..., Book]
) -> None:
    published(machine("one"))
    with database.write() as session:
        mouse = add_book(session, "The mouse ate the cheese.").id
    other = machine("other")
    [found] = other.search("cheese", 1)
    assert (found.book_id, other.rebuilds) == (mouse, 1)


def test_a_machine_that_runs_takes_a_snapshot_that_is_far_ahead(
    database: Database, library: dict[str, str], machine: Machine, add_book: Callable[..., Book]
) -> None:
    one, other = machine("one"), machine("other")
    published(one)
    other.refresh()
    with database.write() as session:
        mouse = add_book(session, "The mouse ate the cheese. The cat ate the mouse.").id
    published(one)
    other.refresh()
    assert other.rebuilds == 0
    assert other.search("cheese", 1)[0].book_id == mouse


def test_a_snapshot_is_written_again_only_where_much_has_changed(
    database: Database,
    library: dict[str, str],
    machine: Machine,
    bucket: Bucket,
    add_book: Callable[..., Book],
) -> None:
    one = machine("one")
    with database.write() as session:
        add_book(
            session, " ".join(f"The {number} mice ate the cheese." for number in range(40)), max_tokens=7
        )
    published(one)
    before = snapshot(database)
    with database.write() as session:
        add_book(session, "The cat ate a mouse.")
    published(one)
    assert snapshot(database).state == before.state
    with database.write() as session:
        add_book(session, " ".join(f"The {number} cats ate a mouse." for number in range(9)), max_tokens=7)
    published(one)
    assert snapshot(database).state != before.state
    assert objects(database, bucket) == named(database)


def test_of_two_writers_one_writes(
    database: Database, library: dict[str, str], machine: Machine, bucket: Bucket
) -> None:
    machines = [machine(name) for name in "abcd"]
    machines[0].complete()
    with ThreadPoolExecutor(len(machines)) as threads:
        list(threads.map(lambda index: index.rebuild(), machines))
    for each in machines:
        each.settle()
    assert objects(database, bucket) == named(database)
    last = machine("last")
    assert last.search("whale", 9) == machines[0].search("whale", 9)
    assert last.rebuilds == 0


def test_a_writer_whose_lease_has_ended_does_not_undo_what_the_next_one_wrote(
    database: Database,
    library: dict[str, str],
    machine: Machine,
    bucket: Bucket,
    add_book: Callable[..., Book],
) -> None:
    """It is held up while it writes; meanwhile another one takes over."""
    one, other = machine("one"), machine("other")
    published(one)
    put = bucket.put
    held: list[str] = []
    between: list[object] = []

    def held_up(home: str, sha256: str, data: bytes | Path) -> None:
        if not held:
            held.append(sha256)
            with database.write() as session:
                session.execute(update(IndexSnapshot).values(lease_until=clock.now(session)))
                add_book(session, "The mouse ate the cheese.")
            other.rebuild()
            other.settle()
            between.append(snapshot(database).files)
        put(home, sha256, data)

    bucket.put = held_up  # type: ignore[method-assign]
    one.rebuild()
    assert [snapshot(database).files] == between
    bucket.put = put  # type: ignore[method-assign]
    last = machine("last")
    assert last.search("cheese", 1)
    assert last.rebuilds == 0


def test_an_older_index_does_not_undo_a_newer_one(
    database: Database,
    library: dict[str, str],
    machine: Machine,
    add_book: Callable[..., Book],
    tmp_path: Path,
    embedder: Embedder,
) -> None:
    published(machine("one"))
    older = LibraryIndex.open(tmp_path / "one", embedder.name)
    with database.write() as session:
        add_book(session, "The mouse ate the cheese.")
    published(machine("other"))
    newer = snapshot(database).files
    assert not IndexSnapshots(database, embedder.name).offer(older, tmp_path, anew=True)
    assert snapshot(database).files == newer


def test_a_writer_that_vanished_is_followed_by_another(
    database: Database, library: dict[str, str], machine: Machine
) -> None:
    one = machine("one")
    published(one)
    with database.write() as session:
        now = clock.now(session)
        held = {"writer": "gone", "lease_until": now + timedelta(minutes=1), "files": None, "state": None}
        session.execute(update(IndexSnapshot).values(held))
    one.rebuild()
    one.settle()
    assert snapshot(database).files is None
    with database.write() as session:
        session.execute(update(IndexSnapshot).values(lease_until=now - timedelta(seconds=1)))
    one.rebuild()
    one.settle()
    assert snapshot(database).files is not None
    assert snapshot(database).writer is None


@pytest.mark.parametrize("how", ["gone", "damaged", "words damaged", "elsewhere"])
def test_a_snapshot_that_cannot_be_read_is_made_again(
    database: Database, library: dict[str, str], machine: Machine, bucket: Bucket, how: str
) -> None:
    published(machine("one"))
    row = snapshot(database)
    assert row.files is not None
    for each in named(database) if how != "words damaged" else [row.files["words.npz"]]:
        if how == "gone":
            bucket.delete(home_of(row.place), [each])
        elif how in ("damaged", "words damaged"):
            bucket.put(home_of(row.place), each, b"other bytes")
    if how == "elsewhere":
        with database.write() as session:
            session.execute(update(IndexSnapshot).values(place="s3://others/index-1"))
    other = machine("other")
    assert other.search("whale", 1)[0].book_id == library["whale"]
    assert other.rebuilds == 1
    other.settle()
    last = machine("last")
    assert last.search("whale", 9) == other.search("whale", 9)
    assert last.rebuilds == 0


def test_searches_do_without_a_bucket_that_is_away(
    database: Database,
    url: str,
    library: dict[str, str],
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    embedder: Embedder,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    published(machine("one"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with closing(Database(url, bucket=Bucket("s3://books/away"))) as away:
        other = PassageIndex(away, tmp_path / "other", embedder, embedder.name)
        assert other.search("whale", 1)[0].book_id == library["whale"]
        other.settle()
    assert "The index in the bucket cannot be read" in caplog.text


def test_a_backup_leaves_the_index_out_and_a_restore_makes_another(
    database: Database, library: dict[str, str], machine: Machine, bucket: Bucket, tmp_path: Path
) -> None:
    published(machine("one"))
    row = snapshot(database)
    assert objects(database, bucket) == named(database)
    backup(database, tmp_path / "backup.db")
    database.close()
    restore(database, tmp_path / "backup.db", force=True)
    with database.read() as session:
        assert session.scalars(select(IndexSnapshot)).all() == []
    assert list(bucket.objects(home_of(row.place))) == []
    other = machine("other")
    assert other.search("whale", 1)[0].book_id == library["whale"]
