from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from store import books, skills, versions
from store.database import Database
from store.errors import DamagedArtifactError, NotFoundError
from store.tables import Artifact, Book, Skill, SkillChoice, SkillOrigin, Version


def _publish(
    session: Session,
    artifact: bytes,
    model: str = "some/llm",
    revision: str | None = "abc",
    metrics: dict[str, object] | None = None,
    origin: SkillOrigin = "learned",
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
        origin=origin,
    )


def _choice(session: Session, revision: str | None = "abc") -> tuple[str | None, str] | None:
    found = skills.choice(session, "some/llm", revision)
    return None if found is None else (found.skill_id, found.chosen_by)


def test_a_skill_comes_back_as_it_was_published(database: Database) -> None:
    with database.write() as session:
        made = _publish(session, b"learned")
    with database.read() as session:
        skill = skills.get(session, made.id)
        assert skills.artifact(session, skill) == b"learned"
    assert skill.id.startswith("skill_")
    assert (skill.number, skill.method, skill.origin, skill.bytes) == (1, "prefix", "learned", 7)
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
        assert skills.champion(session, "some/llm", revision) is second
        assert skills.champion(session, "other/llm", revision) is foreign
        assert skills.champion(session, "some/llm", "another") is other
        assert skills.champion(session, "some/llm", "unknown") is None
        assert skills.list_skills(session) == [foreign, other, second, first]


def test_the_same_bytes_with_the_same_metrics_are_one_skill(database: Database) -> None:
    with database.write() as session:
        first = _publish(session, b"one")
        second = _publish(session, b"two")
        again = _publish(session, b"one")
        assert again is first
    with database.read() as session:
        assert [skill.id for skill in skills.list_skills(session)] == [second.id, first.id]
        champion = skills.champion(session, "some/llm", "abc")
        assert champion is not None
        assert champion.id == first.id


def test_what_was_fitted_anew_is_a_skill_with_the_same_artifact(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        first = _publish(session, b"one", metrics={"weighting": {"retrieval": 1.0}})
        behind = publish(session, add_book(session, "Text.").id, skill_id=first.id)
        anew = _publish(session, b"one", metrics={"weighting": {"retrieval": 2.0}})
    with database.read() as session:
        champion = skills.champion(session, "some/llm", "abc")
        assert champion is not None
        assert (champion.id, champion.number) == (anew.id, 2)
        assert champion.metrics == {"weighting": {"retrieval": 2.0}}
        kept = skills.get(session, first.id)
        assert (kept.number, kept.metrics) == (1, {"weighting": {"retrieval": 1.0}})
        assert session.scalar(select(func.count()).select_from(Artifact).where(Artifact.size == 3)) == 1
        # A version learned behind the one was learned behind the other: they have the same bytes.
        learned_behind = skills.get(session, str(versions.get(session, behind.book_id, 1).skill_id))
        assert learned_behind.artifact_sha256 == champion.artifact_sha256
        found = skills.find(session, "some/llm", "abc", champion.artifact_sha256)
        assert found is not None
        assert found.id == first.id


def test_a_skill_is_the_choice_of_who_brought_it(database: Database) -> None:
    with database.write() as session:
        assert _choice(session) is None
        shipped = _publish(session, b"one", origin="shipped")
        assert (shipped.origin, _choice(session)) == ("shipped", (shipped.id, "package"))
        learned = _publish(session, b"two")
        assert (learned.origin, _choice(session)) == ("learned", (learned.id, "user"))
        # What the user learns anew came with the package all the same, and is the user's choice.
        again = _publish(session, b"one")
        assert (again is shipped, again.origin, _choice(session)) == (True, "shipped", (shipped.id, "user"))


def test_any_skill_is_chosen_or_none_and_every_choice_is_kept(database: Database) -> None:
    with database.write() as session:
        first, second = _publish(session, b"one"), _publish(session, b"two")
        foreign = _publish(session, b"three", model="other/llm")
        for _ in range(2):
            skills.choose(session, "some/llm", "abc", first, "user")
            assert skills.champion(session, "some/llm", "abc") is first
        skills.choose(session, "some/llm", "abc", None, "user")
        assert skills.champion(session, "some/llm", "abc") is None
        assert skills.champion(session, "other/llm", "abc") is foreign
    with database.read() as session:
        assert _choice(session) == (None, "user")
        made = session.scalars(select(SkillChoice).order_by(SkillChoice.id))
        assert [one.skill_id for one in made] == [first.id, second.id, foreign.id, first.id, None]


def test_two_skills_published_at_once_get_two_numbers(database: Database) -> None:
    together = Barrier(2)

    def run(artifact: bytes) -> int:
        together.wait()
        with database.write() as session:
            return _publish(session, artifact).number

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, [b"one", b"two"])) == [1, 2]
    with database.read() as session:
        assert skills.champion(session, "some/llm", "abc") in skills.list_skills(session)


def test_unknown_skills(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        with pytest.raises(NotFoundError, match="no skill skill_none"):
            skills.get(session, "skill_none")
        _publish(session, b"foreign", model="other/llm")
        with pytest.raises(NotFoundError, match="no skill 1"):
            skills.numbered(session, "some/llm", "abc", 1)
        with pytest.raises(NotFoundError, match="no skill skill_none"):
            publish(session, add_book(session, "Text.").id, skill_id="skill_none")


def test_a_skill_is_found_by_its_number(database: Database) -> None:
    with database.write() as session:
        _publish(session, b"zero", model="other/llm")
        first, second = (_publish(session, data, revision=None) for data in (b"one", b"two"))
        assert skills.numbered(session, "some/llm", None, 1) is first
        assert skills.numbered(session, "some/llm", None, 2) is second


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
