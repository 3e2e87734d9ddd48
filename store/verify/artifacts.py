"""Checks artifacts: the bytes of each against the SHA-256 they are stored under, and what a bucket has."""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import func, select

from store import outside
from store.errors import BucketUnreachableError, DamagedArtifactError
from store.outside import bucket_of
from store.tables import Artifact, Checkpoint, Member, Skill, Study, Version, utcnow
from store.verify.context import CheckContext
from store.verify.finding import RESTORE, Finding

# What is younger may belong to a transaction that is not committed yet.
_SETTLED = timedelta(hours=1)
# Objects that a finding names.
_MOST_NAMES = 10


def check(context: CheckContext) -> Iterator[Finding]:
    """Hash all artifacts that were not pruned, and find those that were pruned although they are in use, and
    what is left in a bucket that nothing needs.
    """
    total = context.session.scalar(select(func.count()).select_from(Artifact)) or 0
    query = select(Artifact.sha256, Artifact.size, Artifact.data, Artifact.pruned_at, Artifact.bucket)
    changed: dict[str, str] = {}
    unread: dict[str | None, str] = {}
    rows = context.session.execute(query.order_by(Artifact.sha256).execution_options(yield_per=10))
    for done, (key, size, inside, pruned_at, place) in enumerate(rows, start=1):
        context.on_progress("artifacts", done, total)
        # Of a bucket that is away one artifact tells.
        if pruned_at is not None or place in unread:
            continue
        try:
            data = inside if place is None else outside.read(bucket_of(context.session), place, key)
            if len(data) != size or sha256(data).hexdigest() != key:
                changed[key] = "have another SHA-256"
        except DamagedArtifactError:
            changed[key] = "are gone from the bucket"
        except BucketUnreachableError as error:
            unread[place] = str(error)
    for key, how in changed.items():
        users = _users(context, key)
        yield Finding(
            "artifact",
            f"Artifact {key[:12]} is damaged: its bytes {how}. It is {users}.",
            "Restore a backup, or learn the version again with POST /books/ID/versions.",
        )
    for why in unread.values():
        yield Finding("bucket", f"Not all artifacts can be read. {why}", "Look at BOOKCHORUS_ARTIFACTS.")
    yield from _wrongly_pruned(context)
    yield from _unneeded(context)


def _unneeded(context: CheckContext) -> Iterator[Finding]:
    """Find the objects in the bucket that no row names."""
    bucket = bucket_of(context.session)
    if bucket is None:
        return
    for place in outside.places(context.session):
        home = outside.home_of(place)
        if place != bucket.place(home):
            continue
        named = set(context.session.scalars(select(Artifact.sha256).where(Artifact.bucket == place)))
        before = utcnow() - _SETTLED
        try:
            objects = [each for each in bucket.objects(home) if each.written_at < before]
        except BucketUnreachableError:
            continue  # reading the artifacts has told
        left = [each for each in objects if each.name not in named]
        if left:
            names = ", ".join(each.name for each in left[:_MOST_NAMES])
            more = f" and {len(left) - _MOST_NAMES} more" if len(left) > _MOST_NAMES else ""
            size = sum(each.size for each in left)
            what = f"{place} has {size:,} bytes that nothing needs: {names}{more}."
            yield Finding("bucket", what, "They only take room: delete these objects from the bucket.")


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
