"""The shapes of the HTTP API, spoken by the server and read by the client.

Timestamps are whole seconds since 1970 (UTC), durations are seconds, and offsets count characters
(Unicode code points) from the start of the book's text.
"""

from app.schemas.answers import (
    Abstained,
    Answer,
    AskEvent,
    AskRequest,
    Candidate,
    Citation,
    Heard,
    Names,
    Retrieved,
    Span,
    Timings,
    VersionUsed,
    Vote,
)
from app.schemas.books import AddedBook, Book, BookState, Chapter, JsonBook, NewVersion, Revision
from app.schemas.common import Page, Readiness, Request
from app.schemas.jobs import ENDED, AddedJob, Job, JobEvent, JobProblem, JobStatus, Progress
from app.schemas.registry import (
    AliasMove,
    AliasState,
    BaseModelIdentity,
    MoveAlias,
    PromptMember,
    PromptVersion,
)

__all__ = [
    "ENDED",
    "Abstained",
    "AddedBook",
    "AddedJob",
    "AliasMove",
    "AliasState",
    "Answer",
    "AskEvent",
    "AskRequest",
    "BaseModelIdentity",
    "Book",
    "BookState",
    "Candidate",
    "Chapter",
    "Citation",
    "Heard",
    "Job",
    "JobEvent",
    "JobProblem",
    "JobStatus",
    "JsonBook",
    "MoveAlias",
    "Names",
    "NewVersion",
    "Page",
    "Progress",
    "PromptMember",
    "PromptVersion",
    "Readiness",
    "Request",
    "Retrieved",
    "Revision",
    "Span",
    "Timings",
    "VersionUsed",
    "Vote",
]
