"""Artifacts in a bucket: what a bucket does, and what a library does with one."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import func, select

from store import aliases, artifacts, books, checkpoints, jobs, outside, pruning, versions
from store.backup import backup, restore
from store.bucket import Bucket
from store.database import Database
from store.errors import BucketUnreachableError, DamagedArtifactError, NotFoundError
from store.search.index import PassageIndex
from store.tables import Artifact, Book, Version
from store.verify import verify
from tests import s3
from tests.store.conftest import Embedder, sqlite_only

LARGE, OTHER, SMALL = b"large" * 40, b"other" * 40, b"small"


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    with s3.running() as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "a bucket"
    made.mkdir()
    return made


@pytest.fixture
def bucket(folder: Path) -> Bucket:
    """A folder, which bytes from 100 on go into."""
    return Bucket(folder.as_uri(), 100)


@pytest.fixture
def database(url: str, bucket: Bucket) -> Iterator[Database]:
    """A database of each kind with a bucket."""
    database = Database(url, bucket=bucket)
    yield database
    database.close()


@pytest.fixture
def other(empty_url: str) -> Iterator[Callable[[Bucket | None], Database]]:
    """Makes a second database, without tables yet, with a bucket or without."""
    made: list[Database] = []

    def make(bucket: Bucket | None) -> Database:
        made.append(Database(empty_url, bucket=bucket))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def learned(database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]) -> str:
    """A book of one version with two large members and a small one."""
    with database.write() as session:
        book = add_book(session, "Text.").id
        publish(session, book, LARGE, OTHER, SMALL)
    return book


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.rglob("*") if each.is_file()}


def hashes(*data: bytes) -> set[str]:
    return {sha256(each).hexdigest() for each in data}


def path_of(folder: Path, data: bytes) -> Path:
    [found] = folder.rglob(sha256(data).hexdigest())
    return found


def members(database: Database, book: str) -> list[bytes]:
    with database.read() as session:
        return versions.member_artifacts(session, versions.get(session, book, 1))


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_bucket_gives_back_what_it_was_given(
    kind: str, folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = folder.as_uri()
    if kind == "s3":
        for name, value in s3.variables(request.getfixturevalue("s3_url")).items():
            monkeypatch.setenv(name, value)
        url = "s3://books/some/where"
    bucket = Bucket(url)
    bucket.check()
    large = os.urandom(6 << 20)  # more than goes in one request
    keys = [sha256(data).hexdigest() for data in (LARGE, large)]
    for _ in range(2):
        bucket.put("library-a", keys[0], LARGE)
        bucket.put("library-a", keys[1], large)
    bucket.put("library-b", keys[0], LARGE)
    assert [bucket.get("library-a", key) for key in keys] == [LARGE, large]
    assert {(each.name, each.size) for each in bucket.objects("library-a")} == {
        (keys[0], len(LARGE)),
        (keys[1], len(large)),
    }
    bucket.delete("library-a", [keys[1], "f" * 64])
    bucket.delete("library-a", ["f" * 64, keys[1]])
    assert bucket.get("library-a", keys[1]) is None
    assert bucket.size("library-a", keys[1]) is None
    assert bucket.size("library-a", keys[0]) == len(LARGE)
    # A library that is not there is no artifact that is gone.
    with pytest.raises(BucketUnreachableError, match="nothing of this library"):
        bucket.get("library-c", keys[0])
    assert bucket.get("library-b", keys[0]) == LARGE


def test_a_server_that_is_not_there_is_told_of_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.variables("http://127.0.0.1:9").items():
        monkeypatch.setenv(name, value)
    calls: list[Callable[[Bucket], object]] = [
        lambda bucket: bucket.put("library-a", "f" * 64, b""),
        lambda bucket: bucket.get("library-a", "f" * 64),
        lambda bucket: next(bucket.objects("library-a")),
    ]
    for fails in calls:
        with pytest.raises(
            BucketUnreachableError, match=r"^The bucket s3://books cannot be used: .*\.$"
        ) as told:
            fails(Bucket("s3://books"))
        assert "\n" not in str(told.value)


def test_a_bucket_that_does_not_exist_is_no_artifact_that_is_gone(
    s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.variables(s3_url).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BucketUnreachableError):
        Bucket("s3://elsewhere").get("library-a", "f" * 64)
    with pytest.raises(BucketUnreachableError):
        Bucket("s3://elsewhere").put("library-a", "f" * 64, b"")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "books",
        "/srv/books",
        "ftp://books",
        "s3://",
        "file://srv/books",
        "file:///",
        "s3://me:secret@books",
        "s3://b?x=1",
    ],
)
def test_urls_that_name_no_bucket(url: str) -> None:
    with pytest.raises(ValueError, match="expected s3://"):
        Bucket(url)


def test_a_folder_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(BucketUnreachableError, match="make it, or mount it"):
        Bucket((tmp_path / "none").as_uri())


def test_what_is_large_is_outside_and_read_as_ever(
    database: Database, folder: Path, bucket: Bucket, learned: str
) -> None:
    assert names(folder) == hashes(LARGE, OTHER)
    assert members(database, learned) == [LARGE, OTHER, SMALL]
    with database.read() as session:
        rows = session.execute(select(Artifact.size, func.length(Artifact.data), Artifact.bucket)).all()
    place = bucket.place(next(folder.iterdir()).name)
    assert sorted(rows, key=lambda row: row[1]) == [(200, 0, place), (200, 0, place), (5, 5, None)]


@sqlite_only
def test_a_library_lives_on_a_server(
    url: str,
    s3_url: str,
    add_book: Callable[..., Book],
    publish: Callable[..., Version],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in s3.variables(s3_url).items():
        monkeypatch.setenv(name, value)
    bucket = Bucket("s3://books", 100)
    with closing(Database(url, bucket=bucket)) as database:
        with database.write() as session:
            book, gone = (add_book(session, words).id for words in ("Text.", "Gone."))
            publish(session, book, LARGE, SMALL)
            publish(session, gone, LARGE, OTHER)
        with database.write() as session:
            books.delete(session, gone)
        assert {each.name for each in bucket.objects(bucket.home)} == hashes(LARGE)
        assert members(database, book) == [LARGE, SMALL]
        backup(database, tmp_path / "kept.db")
        bucket.put(bucket.home, sha256(LARGE).hexdigest(), OTHER)
        with pytest.raises(DamagedArtifactError):
            members(database, book)
        restore(database, tmp_path / "kept.db", force=True)
        assert members(database, book) == [LARGE, SMALL]


def test_without_the_setting_nothing_is_outside_and_what_was_is_named(
    url: str, database: Database, learned: str, publish: Callable[..., Version], bucket: Bucket
) -> None:
    plain = Database(url)
    with plain.write() as session:
        publish(session, learned, b"inside" * 50)
    with plain.read() as session:
        assert versions.member_artifacts(session, versions.get(session, learned, 2)) == [b"inside" * 50]
        with pytest.raises(BucketUnreachableError, match="let BOOKCHORUS_ARTIFACTS name " + bucket.url):
            versions.member_artifacts(session, versions.get(session, learned, 1))
    plain.close()
    # Both kinds live side by side once it is back.
    assert members(database, learned) == [LARGE, OTHER, SMALL]


def test_another_bucket_is_no_damage_and_a_copy_of_the_bucket_is_found(
    url: str, folder: Path, tmp_path: Path, learned: str
) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    database = Database(url, bucket=Bucket(moved.as_uri()))
    with pytest.raises(BucketUnreachableError):
        members(database, learned)
    shutil.copytree(folder, moved, dirs_exist_ok=True)
    assert members(database, learned) == [LARGE, OTHER, SMALL]
    path_of(moved, LARGE).unlink()
    with pytest.raises(BucketUnreachableError, match="and is not in"):
        members(database, learned)
    database.close()


def test_what_is_changed_or_gone_is_damaged_alone(database: Database, folder: Path, learned: str) -> None:
    path_of(folder, LARGE).write_bytes(OTHER)
    path_of(folder, OTHER).unlink()
    with database.read() as session:
        for data, words in ((LARGE, "another SHA-256"), (OTHER, "gone from the bucket")):
            with pytest.raises(DamagedArtifactError, match=words):
                artifacts.get(session, sha256(data).hexdigest())
        assert artifacts.get(session, sha256(SMALL).hexdigest()) == SMALL
    told = [finding.what for finding in verify(database, folder.parent / "index", "e@1")]
    for data, words in ((LARGE, "another SHA-256"), (OTHER, "gone from the bucket")):
        assert any(sha256(data).hexdigest()[:12] in what and words in what for what in told)


def test_while_the_bucket_is_away_nothing_is_written_and_nothing_is_lost(
    database: Database, folder: Path, tmp_path: Path, learned: str, publish: Callable[..., Version]
) -> None:
    away = folder.rename(tmp_path / "away")
    with pytest.raises(BucketUnreachableError):
        members(database, learned)
    folder.mkdir()  # as a mount point is there while nothing is mounted
    with pytest.raises(BucketUnreachableError):
        members(database, learned)
    with pytest.raises(BucketUnreachableError), database.write() as session:
        publish(session, learned, b"new" * 50)
    assert [finding.kind for finding in verify(database, tmp_path / "index", "e@1")].count("bucket") == 1
    assert list(folder.iterdir()) == []
    folder.rmdir()
    away.rename(folder)
    assert members(database, learned) == [LARGE, OTHER, SMALL]
    with database.write() as session:
        assert publish(session, learned, b"new" * 50).number == 2


def test_what_is_let_go_of_leaves_the_bucket(
    database: Database, folder: Path, learned: str, publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        publish(session, learned, LARGE, b"second" * 50)
        job = jobs.enqueue(session, book_id=learned, recipe={})
        assert jobs.lease(session, "worker", 60)
        checkpoints.put(session, job.id, key="c" * 64, step=1, data=b"one" * 50)
    with database.write() as session:
        checkpoints.put(session, job.id, key="c" * 64, step=2, data=b"two" * 50)
    assert names(folder) == hashes(LARGE, OTHER, b"second" * 50, b"two" * 50)
    with database.write() as session:
        aliases.move(session, learned, "champion", 2, who="me")
        pruning.prune_version(session, learned, 1)
        assert names(folder) >= hashes(OTHER), "the bytes are there until the commit"
    assert names(folder) == hashes(LARGE, b"second" * 50, b"two" * 50)
    with database.read() as session, pytest.raises(NotFoundError):
        artifacts.get(session, sha256(OTHER).hexdigest())
    with database.write() as session:
        books.delete(session, learned)
    assert names(folder) == set()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Artifact)) == 0


def test_a_transaction_that_fails_deletes_nothing(database: Database, folder: Path, learned: str) -> None:
    with suppress(RuntimeError), database.write() as session:
        books.delete(session, learned)
        raise RuntimeError
    assert names(folder) == hashes(LARGE, OTHER)


def test_what_could_not_be_deleted_is_deleted_the_next_time(
    database: Database, folder: Path, tmp_path: Path, learned: str, add_book: Callable[..., Book]
) -> None:
    away = folder.rename(tmp_path / "away")
    with database.write() as session:
        books.delete(session, learned)
    away.rename(folder)
    assert names(folder) == hashes(LARGE, OTHER)
    with database.write() as session:
        books.delete(session, add_book(session, "Another.").id)
    assert names(folder) == set()


class Interrupted(Bucket):
    """A bucket that others go on to use between two calls of one who uses it."""

    between: Callable[[], None] | None = None

    def size(self, home: str, sha256: str) -> int | None:
        found = super().size(home, sha256)
        if self.between is not None:
            act, self.between = self.between, None
            act()
        return found


def test_bytes_that_are_put_again_before_they_are_deleted_stay(
    url: str, folder: Path, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    """Between the commit that lets go of bytes and the deletion of their object, another writer puts them."""
    bucket = Interrupted(folder.as_uri(), 100)
    database, second = Database(url, bucket=bucket), Database(url, bucket=Bucket(folder.as_uri(), 100))
    with database.write() as session:
        learned = add_book(session, "Text.").id
        publish(session, learned, LARGE, OTHER)
    again: list[str] = []

    def put_again() -> None:
        with second.write() as session:
            again.append(add_book(session, "Text.").id)
            publish(session, again[0], LARGE)

    bucket.between = put_again
    with database.write() as session:
        books.delete(session, learned)
    assert members(database, again[0]) == [LARGE]
    assert names(folder) == hashes(LARGE)
    database.close()
    second.close()


def test_a_backup_beside_deletions_is_of_one_moment(
    url: str, folder: Path, tmp_path: Path, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    """What is deleted after its row was copied is not there to be fetched: the rows are copied again."""
    database = Database(url, bucket=Bucket(folder.as_uri(), 100))
    with database.write() as session:
        going, staying = (add_book(session, words).id for words in ("Going.", "Staying."))
        publish(session, going, LARGE)
        publish(session, staying, OTHER)
    deleted: list[str] = []

    class Reading(Bucket):
        def get(self, home: str, sha256: str) -> bytes | None:
            if not deleted:
                deleted.append(going)
                with database.write() as session:
                    books.delete(session, going)
            return super().get(home, sha256)

    reader = Database(url, bucket=Reading(folder.as_uri(), 100))
    backup(reader, tmp_path / "kept.db")
    reader.close()
    assert names(folder) == hashes(OTHER)
    kept = Database(tmp_path / "kept.db")
    with kept.read() as session:
        assert session.scalars(select(Book.id)).all() == [staying]
    assert members(kept, staying) == [OTHER]
    kept.close()
    database.close()


def test_two_libraries_in_one_bucket_keep_out_of_each_other(
    database: Database, folder: Path, learned: str, other: Callable[[Bucket | None], Database], tmp_path: Path
) -> None:
    backup(database, tmp_path / "kept.db")
    second = other(Bucket(folder.as_uri(), 100))
    restore(second, tmp_path / "kept.db")
    assert len(list(folder.iterdir())) == 2
    with second.write() as session:
        books.delete(session, learned)
    assert members(database, learned) == [LARGE, OTHER, SMALL]


@pytest.mark.parametrize("with_bucket", [True, False])
def test_a_backup_is_whole_and_is_put_where_the_setting_says(
    with_bucket: bool,
    database: Database,
    folder: Path,
    learned: str,
    other: Callable[[Bucket | None], Database],
    tmp_path: Path,
) -> None:
    backup(database, tmp_path / "kept.db")
    shutil.rmtree(folder)
    target = tmp_path / "target"
    target.mkdir()
    restored = other(Bucket(target.as_uri(), 100) if with_bucket else None)
    restore(restored, tmp_path / "kept.db")
    assert members(restored, learned) == [LARGE, OTHER, SMALL]
    assert names(target) == (hashes(LARGE, OTHER) if with_bucket else set())
    # Again, over itself, in a process of its own: nothing of the first time is left.
    if with_bucket:
        again = Database(restored.engine.url.render_as_string(False), bucket=Bucket(target.as_uri(), 100))
        restored.close()
        restore(again, tmp_path / "kept.db", force=True)
        assert members(again, learned) == [LARGE, OTHER, SMALL]
        assert len([each for each in target.rglob("*") if each.is_file()]) == 2
        again.close()


def test_a_backup_has_what_is_damaged_as_it_is(
    database: Database, folder: Path, learned: str, tmp_path: Path
) -> None:
    path_of(folder, LARGE).unlink()
    backup(database, tmp_path / "kept.db")
    kept = Database(tmp_path / "kept.db")
    with kept.read() as session:
        with pytest.raises(DamagedArtifactError):
            artifacts.get(session, sha256(LARGE).hexdigest())
        assert artifacts.get(session, sha256(OTHER).hexdigest()) == OTHER
    kept.close()


def test_damaged_bytes_of_a_backup_are_not_written_over_good_ones(
    database: Database, folder: Path, learned: str, tmp_path: Path
) -> None:
    good = path_of(folder, LARGE)
    good.write_bytes(OTHER)
    backup(database, tmp_path / "kept.db")
    good.write_bytes(LARGE)
    restore(database, tmp_path / "kept.db", force=True)
    with database.read() as session:
        assert artifacts.get(session, sha256(OTHER).hexdigest()) == OTHER
        with pytest.raises(DamagedArtifactError):
            artifacts.get(session, sha256(LARGE).hexdigest())
    assert names(folder) == hashes(OTHER)


def test_verify_names_what_nothing_needs_once_it_is_old(
    database: Database, folder: Path, bucket: Bucket, learned: str, tmp_path: Path
) -> None:
    def told() -> list[str]:
        return [each.what for each in verify(database, tmp_path / "index", "e@1") if each.kind == "bucket"]

    with suppress(RuntimeError), database.write() as session:
        artifacts.put(session, b"never" * 50)
        raise RuntimeError
    assert told() == [], "it may belong to a transaction that goes on"
    left = path_of(folder, b"never" * 50)
    hours_ago = time.time() - 7200
    os.utime(left, (hours_ago, hours_ago))
    [found] = told()
    assert f"250 bytes that nothing needs: {left.name}." in found
    left.unlink()
    assert told() == []


def test_what_is_sent_ahead_is_put_without_another_upload_unless_it_is_gone(
    database: Database, folder: Path, learned: str
) -> None:
    first, second = b"first" * 50, b"second" * 50
    outside.send(database, [first, second, SMALL])
    before = path_of(folder, first).stat().st_mtime_ns
    path_of(folder, second).unlink()
    with database.write() as session:
        for data in (first, second):
            artifacts.put(session, data)
    assert path_of(folder, first).stat().st_mtime_ns == before
    assert path_of(folder, second).read_bytes() == second


@sqlite_only
def test_the_index_of_a_single_machine_stays_there(
    database: Database, learned: str, folder: Path, tmp_path: Path, embedder: Embedder
) -> None:
    before = names(folder)
    index = PassageIndex(database, tmp_path / "index", embedder, embedder.name)
    index.complete()
    index.settle()
    assert names(folder) == before
