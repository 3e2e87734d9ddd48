"""Rows of the store in the shapes of the API."""

from datetime import datetime

from app import schemas
from app.transfer.manifest import describe_version
from store import tables
from store.aliases import CHAMPION


def unix(moment: datetime) -> int:
    """Whole seconds since 1970, UTC."""
    return int(moment.timestamp())


def unix_or_none(moment: datetime | None) -> int | None:
    """The same of a moment that may not have come."""
    return None if moment is None else unix(moment)


def book(row: tables.Book, job: tables.Job | None, embedder: str) -> schemas.Book:
    """A book; its state follows from its champion and its latest job. Searches use vectors of `embedder`."""
    state: schemas.BookState = "ready" if CHAMPION in row.aliases else "untrained"
    if state == "untrained" and job is not None and job.status in ("queued", "running"):
        state = "queued" if job.status == "queued" else "training"
    return schemas.Book(
        id=row.id,
        owner=row.owner,
        title=row.title,
        author=row.author,
        language=row.language,
        filename=row.filename,
        format=row.format,
        revision=row.revision,
        tags=row.tags,
        characters=row.characters,
        sha256=row.sha256,
        chapters=[
            schemas.Chapter(
                ordinal=chapter.ordinal,
                title=chapter.title,
                start=chapter.start,
                end=chapter.end,
                matter=chapter.matter,
                anchor=chapter.anchor,
            )
            for chapter in row.chapters
        ],
        passages=row.passage_count,
        warnings=row.warnings,
        embedded=row.embedder == embedder,
        state=state,
        aliases=row.aliases,
        job=None if job is None else job.id,
        created_at=unix(row.created_at),
    )


def revision(row: tables.Revision, versions: list[int]) -> schemas.Revision:
    """A text of a book, learned by these versions."""
    return schemas.Revision(
        number=row.number,
        sha256=row.sha256,
        format=row.format,
        filename=row.filename,
        characters=row.characters,
        warnings=row.warnings,
        versions=versions,
        created_at=unix(row.created_at),
    )


def job(row: tables.Job, title: str, model: str, *, working: bool) -> schemas.Job:
    """A job that learns the book titled `title` on `model`; `working` says whether a worker takes jobs."""
    progress, phase = row.progress or {}, None
    if row.status == "running":
        phase = progress.get("phase")
    error = None
    if row.error_code is not None:
        error = schemas.JobProblem(code=row.error_code, message=row.error_message or "")
    return schemas.Job.model_validate(
        {
            "id": row.id,
            "kind": row.kind,
            "book": row.book_id,
            "title": title,
            "model": model,
            "status": row.status,
            "version": row.version_number,
            "attempts": row.attempts,
            "history": [_attempt(each) for each in row.history],
            "detail": None if working or row.status != "queued" else "queued: no worker is running",
            "error": error,
            "progress": row.progress if "step" in progress else None,
            "phase": phase,
            "recipe": row.recipe,
            "parent": row.parent_number,
            "force": row.force,
            "created_at": unix(row.created_at),
            "started_at": unix_or_none(row.started_at),
            "finished_at": unix_or_none(row.finished_at),
        }
    )


def _attempt(row: tables.Attempt) -> schemas.Attempt:
    return schemas.Attempt(
        number=row.token,
        worker=row.worker,
        step=row.step,
        outcome=row.outcome,
        reason=row.reason,
        started_at=unix(row.started_at),
        ended_at=unix_or_none(row.ended_at),
    )


def event(row: tables.JobEvent) -> schemas.JobEvent:
    """Something that happened to a job."""
    return schemas.JobEvent.model_validate(
        {
            "id": row.id,
            "created_at": unix(row.created_at),
            "level": row.level,
            "type": row.type,
            "message": row.message,
            "data": row.data,
        }
    )


def version(
    row: tables.Version, title: str, refused: str | None, *, curves: bool = False
) -> schemas.PromptVersion:
    """A version of the book titled `title`, with its members and, on request, their `curves`.

    `refused` says why the loaded LLM cannot use it.
    """
    described = describe_version(row, title, refused, curves=curves)
    return schemas.PromptVersion.model_validate(described, from_attributes=True)


def move(row: tables.AliasMove) -> schemas.AliasMove:
    """A move of an alias."""
    return schemas.AliasMove(
        id=row.id,
        alias=row.alias,
        from_version=row.from_number,
        to=row.to_number,
        rollback=row.rollback,
        who=row.who,
        why=row.why,
        at=unix(row.created_at),
    )
