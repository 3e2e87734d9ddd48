"""Studies: the questions and answers that versions of a book learn from, never changed once stored."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import artifacts, books
from store.errors import NotFoundError
from store.tables import Skill, Study


def put(
    session: Session,
    *,
    book_id: str,
    key: str,
    base_model: Mapping[str, Any],
    skill_id: str | None,
    settings: Mapping[str, Any],
    items: Sequence[dict[str, Any]],
) -> Study:
    """Store a study under `key`, of 64 characters. If the book has one under it already, return that instead.

    `skill_id` is the skill that the LLM used while writing. NotFoundError: no such book or skill.
    ValueError: a key of another length, or items that JSON cannot hold.
    """
    if len(key) != 64:
        raise ValueError(f"The key of a study has 64 characters, not {len(key)}.")
    books.lock(session, book_id)  # so that two writers of one study store it once
    known = find(session, book_id, key)
    if known is not None:
        return known
    if skill_id is not None and session.get(Skill, skill_id) is None:
        raise NotFoundError("skill", skill_id)
    written = json.dumps(list(items), allow_nan=False, ensure_ascii=False).encode()
    study = Study(
        book_id=book_id,
        key=key,
        base_model_id=base_model["id"],
        base_model_revision=base_model["revision"],
        skill_id=skill_id,
        settings=dict(settings),
        artifact_sha256=artifacts.put(session, written),
        items=len(items),
    )
    session.add(study)
    session.flush()
    return study


def find(session: Session, book_id: str, key: str) -> Study | None:
    """Return a book's study under `key`, if there is one."""
    return session.scalar(select(Study).where(Study.book_id == book_id, Study.key == key))


def items(session: Session, study: Study) -> list[dict[str, Any]]:
    """Return the questions and answers of a study. DamagedArtifactError: they are not what was stored."""
    found: list[dict[str, Any]] = json.loads(artifacts.get(session, study.artifact_sha256))
    return found
