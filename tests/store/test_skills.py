from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store import books, skills, versions
from store.database import Database
from store.errors import DamagedArtifactError, NotFoundError
from store.tables import Artifact, Book, Skill, Version


def _publish(
    session: Session,
    artifact: bytes,
    model: str = "some/llm",
    revision: str | None = "abc",
    metrics: dict[str, object] | None = None,
) -> Skill:
    return skills.publish(
        session,
        base_model={
            "id": model,
            "revision": revision,
            "hidden_size": 576,
            "quantization": "none",
            "dtype": "float32",
        },
        method="prefix",
        artifact=artifact,
        recipe={"steps": 4},
        data={"source": "questions", "licence": "CC0", "sha256": "1" * 64},
        metrics=metrics or {"loss": [2.5, 1.5]},
    )


def test_a_skill_comes_back_as_it_was_published(database: Database) -> None:
    with database.write() as session:
        made = _publish(session, b"learned")
    with database.read() as session:
        skill = skills.get(session, made.id)
        assert skills.artifact(session, skill) == b"learned"
    assert skill.id.startswith("skill_")
    assert (skill.number, skill.method, skill.champion, skill.bytes) == (1, "prefix", True, 7)
    assert (skill.base_model_id, skill.base_model_revision, skill.hidden_size) == ("some/llm", "abc", 576)
    assert (skill.recipe, skill.metrics) == ({"steps": 4}, {"loss": [2.5, 1.5]})
    assert skill.data == {"source": "questions", "licence": "CC0", "sha256": "1" * 64}


@pytest.mark.parametrize("revision", ["abc", None])
def test_each_llm_has_its_own_numbers_and_champion(database: Database, revision: str | None) -> None:
    with database.write() as session:
        first = _publish(session, b"one", revision=revision)
        second = _publish(session, b"two", revision=revision)
        other = _publish(session, b"one", revision="another")
        foreign = _publish(session, b"one", model="other/llm", revision=revision)
        assert [skill.number for skill in (first, second, other, foreign)] == [1, 2, 1, 1]
        assert [skill.champion for skill in (first, second, other, foreign)] == [False, True, True, True]
        assert skills.champion(session, "some/llm", revision) is second
        assert skills.champion(session, "some/llm", "another") is other
        assert skills.champion(session, "some/llm", "unknown") is None
        assert skills.list_skills(session) == [foreign, other, second, first]


def test_the_same_bytes_for_the_same_llm_are_one_skill(database: Database) -> None:
    with database.write() as session:
        first = _publish(session, b"one")
        second = _publish(session, b"two")
        again = _publish(session, b"one", metrics={"loss": [9.0]})
        assert again.id == first.id
    with database.read() as session:
        kept = skills.get(session, first.id)
        assert (kept.number, kept.metrics, kept.champion) == (1, {"loss": [2.5, 1.5]}, False)
        assert [skill.id for skill in skills.list_skills(session)] == [second.id, first.id]


def test_an_older_skill_is_promoted(database: Database) -> None:
    with database.write() as session:
        first, second = _publish(session, b"one"), _publish(session, b"two")
        foreign = _publish(session, b"three", model="other/llm")
        for _ in range(2):
            assert skills.promote(session, first.id) is first
            assert (first.champion, second.champion, foreign.champion) == (True, False, True)
    with database.read() as session:
        found = skills.champion(session, "some/llm", "abc")
        assert found is not None
        assert found.id == first.id
        assert session.scalar(select(func.count()).where(Skill.champion)) == 2


def test_the_database_refuses_a_second_champion(database: Database) -> None:
    with database.write() as session:
        _publish(session, b"one")
        _publish(session, b"two")
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(update(Skill).values(champion=True))


def test_two_skills_published_at_once_get_two_numbers(database: Database) -> None:
    together = Barrier(2)

    def run(artifact: bytes) -> int:
        together.wait()
        with database.write() as session:
            return _publish(session, artifact).number

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, [b"one", b"two"])) == [1, 2]
    with database.read() as session:
        assert [skill.champion for skill in skills.list_skills(session)] == [True, False]


def test_unknown_skills(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        for call in (skills.get, skills.promote):
            with pytest.raises(NotFoundError, match="no skill skill_none"):
                call(session, "skill_none")
        with pytest.raises(NotFoundError, match="no skill skill_none"):
            publish(session, add_book(session, "Text.").id, skill_id="skill_none")
        assert skills.list_skills(session) == []


def test_a_flipped_byte_in_a_skill(database: Database) -> None:
    with database.write() as session:
        skill = _publish(session, b"learned")
        session.execute(update(Artifact).values(data=b"learneD"))
    with database.read() as session, pytest.raises(DamagedArtifactError):
        skills.artifact(session, skill)


def test_a_skill_outlives_the_books_learned_behind_it(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        skill = _publish(session, b"learned")
        publish(session, book_id, b"learned", b"member", skill_id=skill.id)
    with database.read() as session:
        assert versions.get(session, book_id, 1).skill_id == skill.id
    with database.write() as session:
        books.delete(session, book_id)
    with database.read() as session:
        assert skills.artifact(session, skills.get(session, skill.id)) == b"learned"
        assert session.scalar(select(func.count()).select_from(Artifact)) == 1
