"""The worker: takes training jobs from the queue, one after the other, and publishes what they learned."""

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

from app.engine import Engine, EngineClosedError
from app.learning import Studied, learn, resolved, study_key
from app.publishing import base_model, number, publish
from app.skills import LoadedSkill
from store import books, jobs, studies, versions
from store.database import Database
from store.errors import NotFound, StaleToken, StoreBusy
from store.tables import Job
from trainer.progress import DivergedError, Evaluated, Learned, Progress, Stepped
from trainer.prompts import from_bytes
from trainer.recipe import Recipe
from trainer.study import Item

_LEASE_SECONDS = 60.0
# How long an idle worker waits before it looks for jobs that another process put in the queue.
_LOOK_SECONDS = 5.0

log = logging.getLogger(__name__)


class Worker:
    """Trains on the engine's LLM, on a thread of its own; a job it must leave goes back to the queue."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        skill: LoadedSkill | None = None,
        *,
        pass_tokens: int = 2048,
        keep_versions: int = 0,
    ) -> None:
        self._database = database
        self._skill = skill
        self._engine = engine
        self._pass_tokens = pass_tokens
        self._keep_versions = keep_versions
        self._name = f"worker_{uuid.uuid4().hex[:8]}"
        self._stopping = threading.Event()
        self._called = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def call(self) -> None:
        """Say that a job was queued or cancelled, so that nobody waits for the next look."""
        self._called.set()

    def close(self) -> None:
        """Give the running job back to the queue and end the thread."""
        self._stopping.set()
        self._called.set()
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether jobs are being taken."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._called.clear()
            try:
                with self._database.write() as session:
                    job = jobs.lease(session, self._name, _LEASE_SECONDS)
            except StoreBusy:
                job = None
            if job is None:
                self._called.wait(_LOOK_SECONDS)
            else:
                self._work(job)

    def _work(self, job: Job) -> None:
        try:
            self._learn(job)
        except (NotFound, StaleToken):
            log.info("job %s is no longer ours: its book was deleted or another worker has it", job.id)
        except EngineClosedError:
            self._give_back(job)
        except Exception as error:
            log.exception("job %s failed", job.id)
            self._finish(job, "failed", _code(error), str(error))

    def _learn(self, job: Job) -> None:
        skill = self._skill
        recipe = resolved(Recipe(**job.recipe), skill)
        with self._database.read() as session:
            text, passages = books.body(session, job.book_id)
        key = None
        if skill is not None and recipe.objective != "lm":
            key = study_key(self._engine.llm.identity, skill, recipe, passages)
        study_id, items = self._study(job, key)
        progress = learn(
            self._engine.llm,
            text,
            passages,
            recipe,
            skill,
            items=items,
            start=self._parent(job),
            pass_tokens=self._pass_tokens,
        )
        heard = time.monotonic()
        for happened in self._pull(progress):
            if self._stopping.is_set():
                self._give_back(job)
                return
            telling = isinstance(happened, Evaluated | Stepped | Learned)
            if telling or time.monotonic() - heard > _LEASE_SECONDS / 6:
                heard = time.monotonic()
                if self._heard(job, happened):
                    self._finish(job, "cancelled")
                    return
            if isinstance(happened, Studied) and key is not None and study_id is None:
                study_id = self._keep(job, key, recipe, happened)
            if isinstance(happened, Learned):
                while not self._published(job, recipe, happened, study_id):
                    log.warning("the database is locked: job %s waits to publish", job.id)

    def _study(self, job: Job, key: str | None) -> tuple[str | None, list[Item] | None]:
        """What the LLM wrote about the book before, for another version or a try that was cut short."""
        if key is None:
            return None, None
        with self._database.read() as session:
            known = studies.find(session, job.book_id, key)
            if known is None:
                return None, None
            return known.id, [Item(**item) for item in studies.items(session, known)]

    def _keep(self, job: Job, key: str, recipe: Recipe, studied: Studied) -> str | None:
        """Keep what was written; a locked database costs the lineage, not the training."""
        try:
            with self._database.write() as session:
                kept = studies.put(
                    session,
                    book_id=job.book_id,
                    key=key,
                    base_model=base_model(self._engine.llm.identity),
                    skill_id=None if self._skill is None else self._skill.id,
                    settings=recipe.model_dump(include={"kinds", "passages", "seed"}),
                    items=[item.as_json() for item in studied.items],
                )
                jobs.add_event(
                    session,
                    job.id,
                    level="info",
                    type="message",
                    message=f"Wrote {len(studied.items)} questions about the book.",
                    data={"kind": "studied", "questions": len(studied.items)},
                )
                return kept.id
        except StoreBusy:
            log.warning("the database is locked: what job %s studies is not kept", job.id)
            return None

    def _parent(self, job: Job) -> Tensor | None:
        """The prompts [members, virtual tokens, hidden] of the version that the job goes on from."""
        if job.parent_number is None:
            return None
        hidden_size = self._engine.llm.identity.hidden_size
        with self._database.read() as session:
            version = versions.get(session, job.book_id, job.parent_number)
            artifacts = versions.members(session, version)
        return torch.stack([from_bytes(artifact, hidden_size) for artifact in artifacts])

    def _pull(self, progress: Iterator[Progress | Studied]) -> Iterator[Progress | Studied]:
        """Take each piece of training on the engine's thread, behind the asks that wait."""
        while (happened := self._engine.step(lambda: next(progress, None)).result()) is not None:
            yield happened

    def _heard(self, job: Job, happened: Progress | Studied) -> bool:
        """As `_tell`, but a database that is locked now is told the next time."""
        try:
            return self._tell(job, happened)
        except StoreBusy:
            log.warning("the database is locked: job %s goes on untold", job.id)
            return False

    def _tell(self, job: Job, happened: Progress | Studied) -> bool:
        """Renew the lease and record what happened; True when somebody wants the job cancelled."""
        with self._database.write() as session:
            cancelled = jobs.heartbeat(session, job.id, job.token, _LEASE_SECONDS)
            if isinstance(happened, Stepped):
                metrics = {
                    "step": happened.step,
                    "steps": happened.steps,
                    "loss": happened.loss,
                    "member_losses": happened.member_losses,
                    "tokens_per_second": happened.tokens_per_second,
                    "eta_seconds": happened.eta_seconds,
                }
                jobs.set_progress(session, job.id, job.token, metrics)
                message = f"Step {happened.step} of {happened.steps}: loss {happened.loss:.3f}."
                jobs.add_event(session, job.id, level="info", type="metrics", message=message, data=metrics)
            elif isinstance(happened, Evaluated):
                jobs.add_event(
                    session,
                    job.id,
                    level="info",
                    type="message",
                    message=f"Held-out loss {happened.stage} learning.",
                    data={
                        "kind": "evaluated",
                        "stage": happened.stage,
                        "bare_loss": number(happened.bare_loss),
                        "member_losses": [number(loss) for loss in happened.member_losses],
                    },
                )
        return cancelled

    def _published(self, job: Job, recipe: Recipe, learned: Learned, study_id: str | None) -> bool:
        """Publish; False when the database stayed locked, which is no reason to lose what was learned."""
        try:
            with self._database.write() as session:
                publish(
                    session,
                    job,
                    recipe,
                    learned,
                    self._engine.llm.identity,
                    skill_id=None if self._skill is None else self._skill.id,
                    study_id=study_id,
                    keep=self._keep_versions,
                )
        except StoreBusy:
            return False
        return True

    def _finish(
        self,
        job: Job,
        status: Literal["failed", "cancelled"],
        code: str | None = None,
        why: str | None = None,
    ) -> None:
        with _still_ours(job), self._database.write() as session:
            jobs.finish(session, job.id, job.token, status=status, error_code=code, error_message=why)

    def _give_back(self, job: Job) -> None:
        with _still_ours(job), self._database.write() as session:
            jobs.release(session, job.id, job.token)


@contextmanager
def _still_ours(job: Job) -> Iterator[None]:
    """Let go of a job that ended elsewhere, and of one whose last word the locked database will not take."""
    try:
        yield
    except (NotFound, StaleToken):
        log.info("job %s ended elsewhere", job.id)
    except StoreBusy:
        log.warning("the database is locked: job %s is taken again when its lease runs out", job.id)


def _code(error: Exception) -> str:
    if isinstance(error, DivergedError):
        return "diverged"
    return "invalid-recipe" if isinstance(error, ValueError) else "training-failed"
