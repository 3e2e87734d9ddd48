"""A study: the questions that the LLM wrote about a book, kept for every version that would ask the same."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict

from app.answering.skill import LoadedSkill
from store import jobs, studies
from store.database import Database
from store.errors import StoreBusyError
from store.tables import Job, Study
from trainer.llm.frozen_llm import Identity
from trainer.objectives.question_synthesis import SyntheticQuestion
from trainer.recipe import Recipe

_NOTHING_TO_STUDY = (
    "The LLM wrote no question about the book that can be studied: the members learn from its text itself, "
    "by the objective lm."
)

log = logging.getLogger(__name__)


def study_key(identity: Identity, skill: LoadedSkill, recipe: Recipe, passages: Sequence[str]) -> str:
    """SHA-256, in hex, of all that decides which questions the LLM writes."""
    decides = [
        identity.id,
        identity.revision,
        skill.digest,
        recipe.kinds,
        recipe.passages,
        recipe.seed,
        list(passages),
    ]
    return hashlib.sha256(json.dumps(decides, ensure_ascii=False).encode()).hexdigest()


def find_study(
    database: Database, job: Job, key: str
) -> tuple[Study, list[SyntheticQuestion]] | tuple[None, None]:
    """The study of the job's book with this key, and its questions, if another version or try left one."""
    with database.read() as session:
        study = studies.find(session, job.book_id, key)
        if study is None:
            return None, None
        return study, [SyntheticQuestion(**item) for item in studies.items(session, study)]


def keep_study(
    database: Database,
    job: Job,
    key: str,
    identity: Identity,
    skill: LoadedSkill,
    recipe: Recipe,
    questions: Sequence[SyntheticQuestion],
) -> Study | None:
    """Keep the questions and note it in the job's events. None: there are none, or the database is locked.

    A version whose study is not kept lacks that part of its lineage, and is trained all the same.
    """
    try:
        with database.write() as session:
            jobs.add_event(
                session,
                job.id,
                level="info" if questions else "warning",
                type="message",
                message=f"Wrote {len(questions)} questions about the book."
                if questions
                else _NOTHING_TO_STUDY,
                data={"kind": "studied", "questions": len(questions)},
            )
            if not questions:
                return None
            return studies.put(
                session,
                book_id=job.book_id,
                key=key,
                base_model=asdict(identity),
                skill_id=skill.id,
                settings=recipe.model_dump(include={"kinds", "passages", "seed"}),
                items=[question.as_json() for question in questions],
            )
    except StoreBusyError:
        log.warning("the database is locked: the questions of job %s are not kept", job.id)
        return None
