"""The shapes of the HTTP API, spoken by the server and read by the client.

Timestamps are whole seconds since 1970 (UTC), durations are seconds, and offsets count characters
(Unicode code points) from the start of the book's text.
"""

from app.schemas.adapters import (
    ExportedBook,
    ExportedSkill,
    Inspection,
    Manifest,
    MemberLook,
    Norms,
    Word,
)
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
from app.schemas.keeping import Finding, Rebuilt, Verification
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
    "ExportedBook",
    "ExportedSkill",
    "Finding",
    "Heard",
    "Inspection",
    "Job",
    "JobEvent",
    "JobProblem",
    "JobStatus",
    "JsonBook",
    "Manifest",
    "MemberLook",
    "MoveAlias",
    "Names",
    "NewVersion",
    "Norms",
    "Page",
    "Progress",
    "PromptMember",
    "PromptVersion",
    "Readiness",
    "Rebuilt",
    "Request",
    "Retrieved",
    "Revision",
    "Span",
    "Timings",
    "Verification",
    "VersionUsed",
    "Vote",
    "Word",
]
