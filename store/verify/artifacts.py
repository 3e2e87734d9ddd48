"""Checks artifacts: the bytes of each against the SHA-256 they are stored under."""

from collections.abc import Iterator
from hashlib import sha256

from sqlalchemy import func, select

from store.tables import Artifact, Checkpoint, Member, Skill, Study, Version
from store.verify.context import CheckContext
from store.verify.finding import RESTORE, Finding


def check(context: CheckContext) -> Iterator[Finding]:
    """Hash all artifacts that were not pruned, and find those that were pruned although they are in use."""
    total = context.session.scalar(select(func.count()).select_from(Artifact)) or 0
    query = select(Artifact.sha256, Artifact.size, Artifact.data, Artifact.pruned_at)
    changed = []
    rows = context.session.execute(query.order_by(Artifact.sha256).execution_options(yield_per=10))
    for done, (key, size, data, pruned_at) in enumerate(rows, start=1):
        if pruned_at is None and (len(data) != size or sha256(data).hexdigest() != key):
            changed.append(key)
        context.on_progress("artifacts", done, total)
    for key in changed:
        users = _users(context, key)
        yield Finding(
            "artifact",
            f"Artifact {key[:12]} is damaged: its bytes have another SHA-256. It is {users}.",
            "Restore a backup, or learn the version again with POST /books/ID/versions.",
        )
    yield from _wrongly_pruned(context)


def _users(context: CheckContext, key: str) -> str:
    members = context.session.execute(
        select(Version.book_id, Version.number, Member.ordinal)
        .join(Member, Member.version_id == Version.id)
        .where(Member.artifact_sha256 == key)
    )
    used = [f"member {ordinal} of {book}@{number}" for book, number, ordinal in members]
    used += [
        f"skill {each}"
        for each in context.session.scalars(select(Skill.id).where(Skill.artifact_sha256 == key))
    ]
    used += [
        f"study {each}"
        for each in context.session.scalars(select(Study.id).where(Study.artifact_sha256 == key))
    ]
    used += [
        f"the checkpoint of {each}, which begins anew"
        for each in context.session.scalars(
            select(Checkpoint.job_id).where(Checkpoint.artifact_sha256 == key)
        )
    ]
    return ", ".join(used) or "used by nothing"


def _wrongly_pruned(context: CheckContext) -> Iterator[Finding]:
    """Find pruned artifacts of versions that were not pruned, and of skills and studies."""
    gone = select(Artifact.sha256).where(Artifact.pruned_at.is_not(None))
    members = context.session.execute(
        select(Version.book_id, Version.number, func.count())
        .join(Member, Member.version_id == Version.id)
        .where(Version.pruned_at.is_(None), Member.artifact_sha256.in_(gone))
        .group_by(Version.book_id, Version.number)
    )
    for book, number, count in members:
        yield Finding(
            "artifact", f"{count} members of {book}@{number} have lost their soft prompts.", RESTORE
        )
    for name, table in (("Skill", Skill), ("Study", Study)):
        for each in context.session.scalars(select(table.id).where(table.artifact_sha256.in_(gone))):
            yield Finding("artifact", f"{name} {each} has lost its bytes.", RESTORE)
