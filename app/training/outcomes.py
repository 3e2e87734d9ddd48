"""How an attempt at a job ends, by what it raised."""

import logging
from collections.abc import Callable
from functools import partial

from sqlalchemy.orm import Session

from app.engine.errors import EngineClosedError
from app.engine.member_cache import UnusableVersionError
from app.training.heartbeat import CancelledError
from app.training.job_runner import LeavingError
from store import jobs
from store.errors import NotFoundError, StaleTokenError, StoreFullError
from store.tables import Job
from trainer.llm.microbatches import is_out_of_memory
from trainer.progress import DivergedError

# Writes how an attempt at a job ended.
Outcome = Callable[[Session], Job]

log = logging.getLogger(__name__)


def outcome_of(job: Job, error: BaseException) -> Outcome:
    """The job is given back, cancelled or failed."""
    if isinstance(error, EngineClosedError | LeavingError):
        return partial(jobs.release, job_id=job.id, token=job.token)
    if isinstance(error, CancelledError):
        return partial(jobs.finish, job_id=job.id, token=job.token, status="cancelled")
    if isinstance(error, NotFoundError | StaleTokenError):
        log.info("job %s misses what it needs, or is not ours any more: %s", job.id, error)
    else:
        log.error("job %s failed", job.id, exc_info=error)
    return partial(
        jobs.finish,
        job_id=job.id,
        token=job.token,
        status="failed",
        error_code=_code(error),
        error_message=_why(error),
    )


def _code(error: BaseException) -> str:
    if isinstance(error, StoreFullError):
        return "disk-full"
    if is_out_of_memory(error):
        return "out-of-memory"
    if isinstance(error, DivergedError):
        return "diverged"
    if isinstance(error, UnusableVersionError):
        return f"parent-{error.slug}"
    return "invalid-recipe" if isinstance(error, ValueError) else "training-failed"


def _why(error: BaseException) -> str:
    """The error's message, as any store keeps it; where memory ran out, with the settings of its advice."""
    try:
        message = str(error)
    except Exception:  # of an error whose message cannot be told, the kind
        message = type(error).__name__
    if is_out_of_memory(error):
        message += " (set BOOKCHORUS_CHECKPOINTING=on, or BOOKCHORUS_QUANTIZATION=int8 or nf4)"
    return message.encode(errors="backslashreplace").decode().replace("\0", "\\x00")
