from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from store import books, skills, studies, versions
from store.database import Database
from store.errors import DamagedArtifactError, NotFoundError
from store.tables import Artifact, Book, Study, Version
from tests.store.conftest import BASE_MODEL

KEY = "a" * 64
ITEMS: list[dict[str, Any]] = [
    {"question": "Wer läuft? 狐", "answer": "The fox.", "passage": 1},
    {"question": "What\n\nelse?", "answer": "", "scores": [0.5, None]},
]


def _put(
    session: Session,
    book_id: str,
    key: str = KEY,
    items: Sequence[dict[str, Any]] = ITEMS,
    skill_id: str | None = None,
) -> Study:
    return studies.put(
        session,
        book_id=book_id,
        key=key,
        base_model=BASE_MODEL,
        skill_id=skill_id,
        settings={"temperature": 0.7},
        items=items,
    )


def test_a_study_comes_back_as_it_was_written(database: Database, add_book: Callable[..., Book]) -> None:
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        skill = skills.publish(
            session, base_model=BASE_MODEL, method="prompt", artifact=b"skill", recipe={}, data={}, metrics={}
        )
        made = _put(session, book_id, skill_id=skill.id)
    with database.read() as session:
        study = studies.find(session, book_id, KEY)
        assert study is not None
        assert studies.items(session, study) == ITEMS
    assert study.id == made.id
    assert study.id.startswith("study_")
    assert (study.book_id, study.key, study.items, study.skill_id) == (book_id, KEY, 2, skill.id)
    assert (study.base_model_id, study.base_model_revision) == ("some/llm", None)
    assert study.settings == {"temperature": 0.7}


def test_a_key_is_of_one_study_of_one_book(database: Database, add_book: Callable[..., Book]) -> None:
    with database.write() as session:
        one, two = add_book(session, "One.").id, add_book(session, "Two.").id
        first = _put(session, one)
        assert _put(session, one, items=[]) is first
        assert first.items == 2
        empty = _put(session, one, "b" * 64, [])
        assert studies.items(session, empty) == []
        assert studies.find(session, two, KEY) is None
        assert _put(session, two).id != first.id
        assert session.scalar(select(func.count()).select_from(Study)) == 3


def test_studies_that_are_refused(database: Database, add_book: Callable[..., Book]) -> None:
    with database.write() as session:
        book_id = add_book(session, "Text.").id
        with pytest.raises(NotFoundError, match="no book book_none"):
            _put(session, "book_none")
        with pytest.raises(NotFoundError, match="no skill skill_none"):
            _put(session, book_id, skill_id="skill_none")
        with pytest.raises(ValueError, match="64 characters"):
            _put(session, book_id, "short")
        with pytest.raises(ValueError, match="JSON"):
            _put(session, book_id, items=[{"score": float("nan")}])
        assert studies.find(session, book_id, KEY) is None


def test_a_flipped_byte_in_a_study(database: Database, add_book: Callable[..., Book]) -> None:
    with database.write() as session:
        study = _put(session, add_book(session, "Text.").id)
        session.execute(update(Artifact).values(data=b"[]"))
    with database.read() as session, pytest.raises(DamagedArtifactError):
        studies.items(session, study)


def test_a_version_says_which_study_it_learned(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        one, two = add_book(session, "One.").id, add_book(session, "Two.").id
        study = _put(session, one)
        publish(session, one, study_id=study.id)
        publish(session, one, study_id=study.id)
        publish(session, one)
        for book_id, study_id in ((one, "study_none"), (two, study.id)):
            with pytest.raises(NotFoundError, match=f"no study {study_id}"):
                publish(session, book_id, study_id=study_id)
    with database.read() as session:
        found = [versions.get(session, one, number).study_id for number in (1, 2, 3)]
        assert found == [study.id, study.id, None]


def test_a_study_goes_with_its_book(
    database: Database, add_book: Callable[..., Book], publish: Callable[..., Version]
) -> None:
    with database.write() as session:
        gone, kept = add_book(session, "One.").id, add_book(session, "Two.").id
        lost = _put(session, gone, "b" * 64, ITEMS[:1])
        publish(session, gone, b"member", study_id=lost.id)
        _put(session, gone)
        shared = _put(session, kept)
    with database.write() as session:
        books.delete(session, gone)
    with database.read() as session:
        assert [study.id for study in session.scalars(select(Study))] == [shared.id]
        assert studies.items(session, shared) == ITEMS
        assert list(session.scalars(select(Artifact.sha256))) == [shared.artifact_sha256]
