"""One attempt at a job: its book is learned, compared with the champion, and published."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from app.answering.skill import LoadedSkill
from app.engine.engine import Engine
from app.engine.member_cache import Choruses
from app.training import promotion, provenance
from app.training.provenance import Source
from app.training.publishing import base_model, publish
from app.training.telling import tell
from store import jobs, studies, versions
from store.database import Database
from store.errors import StoreBusyError
from store.tables import Job, Study
from trainer.book_training import Prepared, resolved, train_book
from trainer.llm.frozen_llm import Identity
from trainer.llm.microbatches import Microbatches
from trainer.methods.members import Members
from trainer.objectives.objective import Objective
from trainer.objectives.question_synthesis import SyntheticQuestion
from trainer.progress import Evaluated, Learned, Pause, Progress
from trainer.recipe import Recipe

Piece = TypeVar("Piece", bound=Progress | Prepared)

log = logging.getLogger(__name__)


class CancelledError(Exception):
    """Somebody wants the job cancelled."""


class LeavingError(Exception):
    """The worker is to leave its job."""


def study_key(identity: Identity, skill: LoadedSkill, recipe: Recipe, passages: Sequence[str]) -> str:
    """SHA-256 of all that decides which questions the LLM writes: versions with one key share a study."""
    decides = [
        identity.id,
        identity.revision,
        hashlib.sha256(skill.artifact).hexdigest(),
        recipe.kinds,
        recipe.passages,
        recipe.seed,
        list(passages),
    ]
    return hashlib.sha256(json.dumps(decides, ensure_ascii=False).encode()).hexdigest()


class Attempt:
    """A job under its lease of so many seconds, which is renewed as it goes on."""

    def __init__(
        self,
        job: Job,
        database: Database,
        engine: Engine,
        choruses: Choruses,
        skill: LoadedSkill | None,
        *,
        lease_seconds: float,
        batches: Microbatches | None,
        keep_versions: int = 0,
        leaving: Callable[[], bool],
    ) -> None:
        self._job = job
        self._database = database
        self._engine = engine
        self._choruses = choruses
        self._skill = skill
        self._lease_seconds = lease_seconds
        self._batches = batches
        self._keep_versions = keep_versions
        self._leaving = leaving
        self._heard = time.monotonic()

    def run(self) -> None:
        """Learn and publish; blocks until the job has ended.

        Raises CancelledError or LeavingError between two pieces of work, NotFoundError or StaleTokenError
        when the job is no longer ours, EngineClosedError, and what learning raises.
        """
        learned_skill = None if self._skill is None else self._skill.skill
        recipe = resolved(Recipe(**self._job.recipe), learned_skill)
        with self._database.read() as session:
            source = provenance.source(session, self._job.book_id)
        key = None
        if self._skill is not None and recipe.objective != "lm":
            key = study_key(self._engine.llm.identity, self._skill, recipe, source.passages)
        study, items = self._study(key)
        champion = promotion.champion(self._database, self._choruses, self._job.book_id)
        progress = train_book(
            self._engine.llm,
            source.text,
            recipe,
            learned_skill,
            passages=source.passages,
            items=items,
            parent=self._parent(),
            rivals=0 if champion.members is None else len(champion.members),
            microbatches=self._batches,
        )
        for happened in self._pull(progress):
            if isinstance(happened, Prepared):
                objective = happened.objective
                if key is not None and study is None and happened.items:
                    study = self._keep(key, recipe, happened.items)
            elif isinstance(happened, Learned):
                learned = happened
        self._publish(recipe, objective, learned, source, study)

    def _study(self, key: str | None) -> tuple[Study | None, list[SyntheticQuestion] | None]:
        """What the LLM wrote about the book before, for another version or a try that was cut short."""
        if key is None:
            return None, None
        with self._database.read() as session:
            known = studies.find(session, self._job.book_id, key)
            if known is None:
                return None, None
            return known, [SyntheticQuestion(**item) for item in studies.items(session, known)]

    def _keep(self, key: str, recipe: Recipe, items: Sequence[SyntheticQuestion]) -> Study | None:
        """Keep what was written; a locked database costs the lineage, not the training."""
        try:
            with self._database.write() as session:
                kept = studies.put(
                    session,
                    book_id=self._job.book_id,
                    key=key,
                    base_model=base_model(self._engine.llm.identity),
                    skill_id=None if self._skill is None else self._skill.id,
                    settings=recipe.model_dump(include={"kinds", "passages", "seed"}),
                    items=[item.as_json() for item in items],
                )
                jobs.add_event(
                    session,
                    self._job.id,
                    level="info",
                    type="message",
                    message=f"Wrote {len(items)} questions about the book.",
                    data={"kind": "studied", "questions": len(items)},
                )
                return kept
        except StoreBusyError:
            log.warning("the database is locked: what job %s studies is not kept", self._job.id)
            return None

    def _parent(self) -> Members | None:
        """The members of the version that the job goes on from."""
        if self._job.parent_number is None:
            return None
        with self._database.read() as session:
            version = versions.get(session, self._job.book_id, self._job.parent_number)
        return self._choruses.members(version)

    def _pull(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """Each piece of work, done on the engine's thread behind the asks that wait."""
        while (happened := self._engine.step(lambda: next(pieces, None)).result()) is not None:
            if self._leaving():
                raise LeavingError()
            telling = not isinstance(happened, Pause | Prepared)
            if telling or time.monotonic() - self._heard > self._lease_seconds / 6:
                self._heard = time.monotonic()
                self._tell(happened)
            yield happened

    def _tell(self, happened: Progress | Prepared) -> None:
        """Renew the lease and record what happened; what a locked database does not take is not told."""
        try:
            with self._database.write() as session:
                cancelled = jobs.heartbeat(session, self._job.id, self._job.token, self._lease_seconds)
                tell(session, self._job, happened)
        except StoreBusyError:
            log.warning("the database is locked: job %s goes on untold", self._job.id)
            return
        if cancelled:
            raise CancelledError()

    def _publish(
        self, recipe: Recipe, objective: Objective, learned: Learned, source: Source, study: Study | None
    ) -> None:
        """Publish, once the database lets us, what was compared with the champion of that very moment."""
        verdict = self._judged(objective, learned)
        while True:
            try:
                with self._database.write() as session:
                    if promotion.champion_number(session, self._job.book_id) == verdict.champion:
                        publish(
                            session,
                            self._job,
                            recipe,
                            learned,
                            self._engine.llm.identity,
                            verdict,
                            source,
                            skill_id=None if self._skill is None else self._skill.id,
                            study=study,
                            keep=self._keep_versions,
                        )
                        return
            except StoreBusyError:
                log.warning("the database is locked: job %s waits to publish", self._job.id)
            else:
                verdict = self._judged(objective, learned)

    def _judged(self, objective: Objective, learned: Learned) -> promotion.Verdict:
        """What the gate says: the champion of now is evaluated on what the new members were."""
        champion = promotion.champion(self._database, self._choruses, self._job.book_id)
        losses = None
        if champion.members is not None:
            members = champion.members.detached(self._engine.llm.device)
            [*_, last] = self._pull(promotion.measure(objective, members, learned.after.bare_loss))
            assert isinstance(last, Evaluated)
            losses = last.member_losses
        return promotion.judge(learned, champion, losses, force=self._job.force)
