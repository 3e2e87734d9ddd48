from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select, update

from store import aliases, artifacts, jobs, versions
from store.database import Database
from store.errors import DamagedArtifactError, NotFoundError, StaleTokenError
from store.tables import Artifact, Book, Version
from tests.store.conftest import BASE_MODEL


def test_a_version_comes_back_as_it_was_published(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        job = jobs.enqueue(session, book_id=book_id, recipe={})
        made = publish(session, book_id, b"one", b"three", b"two", job_id=job.id)
        assert made.aliases == ["champion", "latest"]
    with database.read() as session:
        version = versions.get(session, book_id, 1)
        assert versions.member_artifacts(session, version) == [b"one", b"three", b"two"]
    assert (version.id, version.number, version.parent_number, version.job_id) == (made.id, 1, None, job.id)
    assert (version.recipe, version.metrics) == ({"steps": 4}, {"loss": 1.25})
    assert (version.base_model_id, version.base_model_revision) == ("some/llm", "abc")
    assert (version.hidden_size, version.quantization, version.dtype) == (576, "none", "float32")
    assert [(member.ordinal, member.seed, member.bytes) for member in version.members] == [
        (0, 0, 3),
        (1, 1, 5),
        (2, 2, 3),
    ]
    assert [member.metrics for member in version.members] == [{"loss": 1.5}] * 3
    assert version.aliases == ["champion", "latest"]


def test_two_versions_published_at_once_get_two_numbers(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        book_id = add_book(session, "Text.").id
    together = Barrier(2)

    def run() -> int:
        together.wait()
        with database.write() as session:
            return publish(session, book_id).number

    with ThreadPoolExecutor(2) as pool:
        numbers = [made.result() for made in [pool.submit(run), pool.submit(run)]]
    assert sorted(numbers) == [1, 2]
    with database.read() as session:
        assert versions.get(session, book_id, "latest").number == 2
        assert len(aliases.history(session, book_id)) == 4


def test_a_version_is_found_by_number_and_by_alias(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        publish(session, book_id)
        publish(session, book_id, parent=1)
        aliases.move(session, book_id, "champion", 1, who="me")
    with database.read() as session:
        assert versions.get(session, book_id, 2).parent_number == 1
        assert versions.get(session, book_id, "2").number == 2
        assert versions.get(session, book_id, "champion").number == 1
        assert versions.get(session, book_id, "latest").number == 2
        for ref in (3, 0, -1, 10**30, "3", "9" * 5000, "²", "", "nobody"):
            with pytest.raises(NotFoundError):
                versions.get(session, book_id, ref)
        with pytest.raises(NotFoundError):
            versions.get(session, "book_none", 1)


def test_a_version_that_is_not_there_is_told_with_those_that_are(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        book = add_book(session, "Text.")
        name, title = book.id, book.title
        told = [f"There is no version {name}@7: {title!r} has no version yet."]
        for numbers in ("version 1", "versions 1 to 2"):
            with pytest.raises(NotFoundError) as missing:
                versions.get(session, name, 7)
            assert str(missing.value) == told[-1]
            publish(session, name)
            told.append(
                f"There is no version {name}@7: {title!r} has {numbers}, "
                "and on them the aliases champion, latest."
            )
        with pytest.raises(NotFoundError) as missing:
            aliases.move(session, name, "champion", 7, who="me")
        assert str(missing.value) == told[-1]
        with pytest.raises(NotFoundError, match=r"^There is no version book_none@7\.$"):
            versions.get(session, "book_none", 7)


def test_versions_are_listed_newest_first_and_filtered(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        one, two = add_book(session, "One.").id, add_book(session, "Two.").id
        made = [publish(session, one), publish(session, two, model="other/llm"), publish(session, one)]
    with database.read() as session:

        def ids(found: tuple[list[Version], bool]) -> list[str]:
            return [version.id for version in found[0]]

        assert ids(versions.list_versions(session)) == [made[2].id, made[1].id, made[0].id]
        assert ids(versions.list_versions(session, book_id=one)) == [made[2].id, made[0].id]
        assert ids(versions.list_versions(session, base_model="other/llm")) == [made[1].id]
        assert ids(versions.list_versions(session, alias="champion")) == [made[2].id, made[1].id]
        assert ids(versions.list_versions(session, after=made[2].id, limit=1)) == [made[1].id]
        assert versions.list_versions(session, limit=2)[1] is True
        assert versions.list_versions(session, limit=3)[1] is False
        with pytest.raises(NotFoundError):
            versions.list_versions(session, after="version_none")


def test_what_cannot_be_published(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        for keywords in ({"parent": 1}, {"job_id": "job_none"}):
            with pytest.raises(NotFoundError):
                publish(session, book_id, **keywords)
        with pytest.raises(NotFoundError):
            publish(session, "book_none")
        with pytest.raises(ValueError, match="at least one member"):
            versions.publish(
                session,
                book_id=book_id,
                members=[],
                recipe={},
                base_model=BASE_MODEL,
                metrics={},
                parent=None,
                job_id=None,
                who="test",
            )
        assert versions.list_versions(session)[0] == []


def test_a_worker_thought_dead_cannot_publish(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        jobs.enqueue(session, book_id=book_id, recipe={})
        lost = jobs.lease(session, "lost", -1)
        assert lost is not None
        lost_token = lost.token
        found = jobs.lease(session, "found", 60)
    assert found is not None

    def end(token: int) -> None:
        with database.write() as session:
            made = publish(session, book_id, job_id=found.id)
            jobs.finish(session, found.id, token, status="succeeded", version_number=made.number)

    with pytest.raises(StaleTokenError):
        end(lost_token)
    end(found.token)
    with database.read() as session:
        assert [version.number for version in versions.list_versions(session)[0]] == [1]


def test_the_same_bytes_are_stored_once(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        version = publish(session, book_id, b"same", b"same")
        assert artifacts.put(session, b"same") == version.members[0].artifact_sha256
        assert session.scalar(select(func.count()).select_from(Artifact)) == 1


@pytest.mark.parametrize("damage", [b"another bytes", b"first membeR", b""])
def test_a_flipped_byte_in_an_artifact(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version], damage: bytes
) -> None:
    with database.write() as session:
        version = publish(session, add_book(session, "Text.").id, b"first member", b"second member")
        sha256 = version.members[0].artifact_sha256
        session.execute(update(Artifact).where(Artifact.sha256 == sha256).values(data=damage))
    with database.read() as session:
        with pytest.raises(DamagedArtifactError) as caught:
            versions.member_artifacts(session, version)
        assert caught.value.sha256 == sha256
        assert artifacts.get(session, version.members[1].artifact_sha256) == b"second member"
        with pytest.raises(NotFoundError):
            artifacts.get(session, "0" * 64)
