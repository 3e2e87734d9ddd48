"""Every table, as SQLAlchemy classes. The same definitions run on SQLite and PostgreSQL."""

from store.tables.aliases import Alias, AliasMove
from store.tables.artifacts import Artifact
from store.tables.audit import AuditLine
from store.tables.base import Base, utcnow
from store.tables.books import Book, BookTag, Chapter, Embedding, Page, Passage, Revision
from store.tables.index_snapshots import IndexSnapshot
from store.tables.jobs import Attempt, Checkpoint, EventType, Job, JobEvent, JobStatus, Level, Outcome, Worker
from store.tables.keys import ApiKey, Role
from store.tables.questions import Question, Source
from store.tables.skills import ChosenBy, Skill, SkillChoice, SkillMethod, SkillOrigin
from store.tables.studies import Study
from store.tables.threads import Thread, Turn
from store.tables.versions import Member, Version, VersionState

__all__ = [
    "Alias",
    "AliasMove",
    "ApiKey",
    "Artifact",
    "Attempt",
    "AuditLine",
    "Base",
    "Book",
    "BookTag",
    "Chapter",
    "Checkpoint",
    "ChosenBy",
    "Embedding",
    "EventType",
    "IndexSnapshot",
    "Job",
    "JobEvent",
    "JobStatus",
    "Level",
    "Member",
    "Outcome",
    "Page",
    "Passage",
    "Question",
    "Revision",
    "Role",
    "Skill",
    "SkillChoice",
    "SkillMethod",
    "SkillOrigin",
    "Source",
    "Study",
    "Thread",
    "Turn",
    "Version",
    "VersionState",
    "Worker",
    "utcnow",
]
