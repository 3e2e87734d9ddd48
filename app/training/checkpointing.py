"""How far the training of a job has got, kept for its next attempt."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from app.answering.skill import LoadedSkill
from app.training.provenance import Source
from store import checkpoints, job_events, jobs, outside
from store.database import Database
from store.errors import NotFoundError, StaleTokenError, StoreError
from store.tables import Job
from trainer.checkpoint import Checkpoint, checkpoint_from_bytes
from trainer.llm.frozen_llm import Identity
from trainer.methods.tensors import FormatError
from trainer.objectives.study_question import StudyQuestion
from trainer.progress import Stepped
from trainer.recipe import Recipe

# A killed worker loses no more than this, and less where a checkpoint is kept quickly: at most this share of
# the time goes into them.
_EVERY_SECONDS = 30.0
_SHARE = 0.02
# Raised where checkpoints have other facts than before: what an older one keeps is begun anew.
_FORM = 2

log = logging.getLogger(__name__)


class Checkpointing:
    """Keeps the last step of a job's training: its first one at once, then every 30 seconds, more often
    where that takes no more than 2% of the time, and when asked.

    `key` is that of `checkpoint_key`: nothing but a checkpoint of the same training is gone on from. The
    `clock` counts seconds, from any moment.
    """

    def __init__(
        self,
        database: Database,
        job: Job,
        key: str,
        lease_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._job = job
        self._key = key
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._last: Stepped | None = None
        self._kept_at: float | None = None
        self._took = 0.0

    def found(self) -> Checkpoint | None:
        """The checkpoint of an attempt before this one, which the job's events then tell of."""
        with self._database.read() as session:
            data = checkpoints.find(session, self._job.id, self._key)
        if data is None:
            return None
        try:
            found = checkpoint_from_bytes(data)
        except FormatError as error:
            log.warning("job %s begins anew, its checkpoint cannot be read: %s", self._job.id, error)
            return None
        self._kept_at = self._clock()
        self._tell(found.facts["curve"]["steps"])
        return found

    def stepped(self, step: Stepped) -> None:
        """Note a step, until the next one."""
        self._last = step

    def keep_if_due(self) -> None:
        """Keep the last step if it is the first one, or if none was kept for so long."""
        wait = min(_EVERY_SECONDS, self._took / _SHARE)
        if self._kept_at is None or self._clock() - self._kept_at >= wait:
            self.keep()

    def keep(self) -> None:
        """Keep the last step, unless it is kept already. What the store does not take is not kept."""
        step = self._last
        if step is None:
            return
        began = self._clock()
        data = step.checkpoint().to_bytes()
        try:
            outside.send(self._database, [data])
            with self._database.write() as session:
                jobs.heartbeat(session, self._job.id, self._job.token, self._lease_seconds)
                checkpoints.put(session, self._job.id, key=self._key, step=step.step, data=data)
        except (NotFoundError, StaleTokenError):
            return  # who holds the job now keeps its own
        except StoreError as error:
            log.warning("no checkpoint of job %s is kept: %s", self._job.id, error)
            return
        finally:
            self._kept_at = self._clock()
            self._took = self._kept_at - began
        self._last = None

    def _tell(self, step: int) -> None:
        try:
            with self._database.write() as session:
                job_events.add(
                    session,
                    self._job.id,
                    level="info",
                    type="message",
                    message=f"Goes on after step {step}, which an attempt before this one got done.",
                    data={"kind": "resumed", "step": step},
                )
        except StoreError as error:
            log.warning("job %s goes on after step %d, and cannot say so: %s", self._job.id, step, error)


def checkpoint_key(
    identity: Identity,
    skill: LoadedSkill,
    recipe: Recipe,
    source: Source,
    parent: int | None,
    questions: Sequence[StudyQuestion] | None,
) -> str:
    """SHA-256, in hex, of all that decides what a training learns."""
    decides = [
        _FORM,
        asdict(identity),
        skill.digest,
        recipe.model_dump(),
        source.text,
        list(source.passage_texts),
        parent,
        None if questions is None else [each.as_json() for each in questions],
    ]
    return hashlib.sha256(json.dumps(decides, ensure_ascii=False).encode()).hexdigest()
