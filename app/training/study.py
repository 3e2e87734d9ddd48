"""A study: the questions that members learn from. The LLM writes them once, and people may change them.

What the LLM wrote is kept under a key of all that decides it, so that no version has it written again. What a
version learns from is that with people's changes: another study, immutable too, if there are such changes.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy.orm import Session

from app.answering.skill import LoadedSkill
from app.asking.asker import LoadedAsker
from app.training.provenance import Source
from store import job_events, jobs, questions, studies
from store.database import Database
from store.errors import StoreBusyError
from store.questions import NewQuestion
from store.tables import Job, Study
from trainer.llm.frozen_llm import Identity
from trainer.objectives.asker import AGREEMENT
from trainer.objectives.study_question import StudyQuestion, question_key
from trainer.question_writing import Unfinished, Written
from trainer.recipe import Recipe

_NOTHING_TO_STUDY = (
    "There is no question about the book that can be studied: the members learn from its text itself, "
    "by the objective lm."
)

# The fields of a recipe that decide which questions are written.
_SETTINGS = {"kinds", "questions", "pairs", "passages", "seed"}

# Which places come first decides what is written in too little time: of another order, nothing is taken.
_ORDER = "single places from all over the book"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Studying:
    """The study of one job: of `source`, on the LLM `identity` behind `skill`, by `recipe`.

    The questions are the `asker`'s, or those of the hand-written instruction.
    """

    database: Database
    job: Job
    identity: Identity
    skill: LoadedSkill
    recipe: Recipe
    source: Source
    asker: LoadedAsker | None = None

    def written(self) -> Written | None:
        """What the LLM wrote for another version or try that would ask the same; None if there was none."""
        with self.database.read() as session:
            for whole in (True, False):
                study = studies.find(session, self.job.book_id, self._written_key(whole))
                if study is not None:
                    found = [StudyQuestion(**item) for item in studies.items(session, study)]
                    return Written(found, None if whole else Unfinished(**study.settings["unfinished"]))
        return None

    def keep(self, written: Written) -> tuple[Study | None, list[StudyQuestion]]:
        """Keep what the LLM wrote, show it to people, and return what members learn of it as it stands now.

        A later change is for later versions. Without questions, or where the store is busy, no study is kept:
        a version without one lacks that part of its lineage, and is trained all the same.
        """
        try:
            with self.database.write() as session:
                asked, key = written.questions, self._written_key(written.unfinished is None)
                self._show(session, asked)
                learned = self._as_it_stands(session, asked)
                unchanged = learned == list(asked)
                study = self._put(session, key, asked, written.unfinished) if asked else None
                if not unchanged:
                    study = self._put(session, self._changed_key(learned), learned) if learned else None
                jobs.set_phase(session, self.job.id, self.job.token, None)
                self._tell(session, learned, written.unfinished)
                return study, learned
        except StoreBusyError as error:
            log.warning("the questions of job %s are not kept: %s", self.job.id, error)
        with self.database.read() as session:
            return None, self._as_it_stands(session, written.questions)

    @property
    def _key(self) -> str:
        return study_key(self.identity, self.skill, self.recipe, self.source.passage_texts, self.asker)

    def _written_key(self, whole: bool) -> str:
        """More time would have the LLM write more than what it wrote in too little."""
        return self._key if whole else _hashed([self._key, self.recipe.budget_seconds, _ORDER])

    def _changed_key(self, learned: Sequence[StudyQuestion]) -> str:
        return _hashed([self._key, [each.as_json() for each in learned]])

    def _show(self, session: Session, written: Sequence[StudyQuestion]) -> None:
        """Make rows of what the LLM wrote, which people see and change."""
        rows = [
            NewQuestion(
                self.source.passages[each.passage],
                each.question,
                each.answer,
                same_question(each.question),
                each.kind,
            )
            for each in written
        ]
        questions.record(session, self.job.book_id, self.source.revision, rows)

    def _as_it_stands(self, session: Session, written: Sequence[StudyQuestion]) -> list[StudyQuestion]:
        """What the LLM wrote without what people corrected or removed, and behind it all that is theirs."""
        decided = questions.decided(session, self.job.book_id, self.source.revision)
        theirs = {key for row in decided for key in (row.key, row.written_key)}
        numbers = {passage.ordinal: number for number, passage in enumerate(self.source.passages)}
        left = [each for each in written if same_question(each.question) not in theirs]
        return left + [
            StudyQuestion(numbers[row.passage], row.kind, row.text, row.answer, source="person")
            for row in decided
            if row.removed_at is None
        ]

    def _put(
        self,
        session: Session,
        key: str,
        learned: Sequence[StudyQuestion],
        unfinished: Unfinished | None = None,
    ) -> Study:
        settings = self.recipe.model_dump(include=_SETTINGS)
        if unfinished is not None:
            settings["unfinished"] = asdict(unfinished)
        return studies.put(
            session,
            book_id=self.job.book_id,
            key=key,
            base_model=asdict(self.identity),
            skill_id=self.skill.id,
            settings=settings,
            items=[each.as_json() for each in learned],
        )

    def _tell(
        self, session: Session, learned: Sequence[StudyQuestion], unfinished: Unfinished | None
    ) -> None:
        by_people = sum(each.source == "person" for each in learned)
        found = f"Learns from {len(learned)} questions about the book, {by_people} of them by people."
        job_events.add(
            session,
            self.job.id,
            level="info" if learned else "warning",
            type="message",
            message=found if learned else _NOTHING_TO_STUDY,
            data={
                "kind": "studied",
                "questions": len(learned),
                "by_people": by_people,
                "whole": unfinished is None,
            },
        )


def study_key(
    identity: Identity,
    skill: LoadedSkill,
    recipe: Recipe,
    passages: Sequence[str],
    asker: LoadedAsker | None = None,
) -> str:
    """SHA-256, in hex, of all that decides which questions the LLM writes."""
    asked: list[object] = [recipe.kinds]
    if asker is not None:
        asked = [asker.digest, AGREEMENT, recipe.questions, recipe.pairs]
    same = [identity.id, identity.revision, skill.digest]
    return _hashed([*same, *asked, recipe.passages, recipe.seed, list(passages)])


def same_question(text: str) -> str:
    """SHA-256, in hex, of a question without case and punctuation: the key of its row."""
    return hashlib.sha256(question_key(text).encode()).hexdigest()


def _hashed(decides: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(decides, ensure_ascii=False).encode()).hexdigest()
