"""The errors that the store raises on purpose. Any other exception that leaves it is a defect."""

from collections.abc import Mapping, Sequence
from typing import Any


class PlainError(Exception):
    """An error that can come from another process, whatever its message was put together from."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, dict(vars(self)))


class StoreError(PlainError):
    """Base of every error below."""


def _restored(kind: type[PlainError], args: tuple[Any, ...], attributes: Mapping[str, Any]) -> PlainError:
    """An error as it was; `kind` itself would want what its message was put together from."""
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error


class NotFoundError(StoreError):
    """No row of this `kind` ("book", "version", "job", ...) has this `key`; `there_is` says what there is."""

    def __init__(self, kind: str, key: object, there_is: str | None = None) -> None:
        super().__init__(f"There is no {kind} {key}{'' if there_is is None else f': {there_is}'}.")
        self.kind = kind
        self.key = str(key)


class QuotaReachedError(StoreError):
    """A key may not use more: of its `quota` ("books", "bytes", "training tokens") `limit` are allowed."""

    def __init__(self, quota: str, limit: int, wanted: int) -> None:
        super().__init__(f"This key allows {limit:,} {quota}, and this would make {wanted:,}.")
        self.quota = quota
        self.limit = limit


class TooManyThreadsError(StoreError):
    """An owner has as many threads as they may, `limit`."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"There are {limit:,} threads already, as many as may be: delete some.")
        self.limit = limit


class ThreadFullError(StoreError):
    """A thread takes no more turns: it has `limit` of these `units` ("turns", "bytes") or more."""

    def __init__(self, thread_id: str, units: str, limit: int) -> None:
        super().__init__(f"Thread {thread_id} has {limit:,} {units}, as many as it may: begin a new one.")
        self.limit = limit


class StoreBusyError(StoreError):
    """Another process held the database for longer than the busy timeout; trying again later may work."""


class StoreFullError(StoreError):
    """The disk, or the database's own size limit, has no room for the write. Nothing was written."""


class StoreUnreachableError(StoreBusyError):
    """The database cannot be connected to; the message is one line that says why."""


class BucketUnreachableError(StoreBusyError):
    """The bucket with artifacts' bytes cannot be read or written; the message is one line that says why."""


class DamagedDatabaseError(StoreError):
    """The database's own file is damaged, or is no database."""


class UnknownSchemaError(StoreError):
    """The tables are those of another release: of a newer one, or of an older one that was not migrated."""


class NotEmptyError(StoreError):
    """The database to restore into has rows already."""


class InUseError(StoreError):
    """Processes live on the database, which a restore would replace under them; `holders` says which."""

    def __init__(self, holders: Sequence[str]) -> None:
        who = " and ".join(sorted(set(holders))) or "another process"
        super().__init__(f"The database is in use by {who}: stop the service and its workers first.")
        self.holders = list(holders)


class InvalidBackupError(StoreError):
    """The file is not a backup of Bookchorus, or is damaged; the message is one line that says why."""


class DamagedArtifactError(StoreError):
    """The stored bytes no longer have the SHA-256 they were stored under, or are `gone` from their bucket."""

    def __init__(self, sha256: str, *, gone: bool = False) -> None:
        how = "are gone from the bucket" if gone else "have another SHA-256"
        super().__init__(f"Artifact {sha256} is damaged: its bytes {how}.")
        self.sha256 = sha256
        self.gone = gone


class InvalidAliasError(StoreError):
    """The name is not allowed for an alias."""

    def __init__(self, alias: str) -> None:
        super().__init__(
            f"{alias!r} is no alias: use 1 to 32 lower-case letters, digits and hyphens, a letter first."
        )
        self.alias = alias


class VersionPrunedError(StoreError):
    """A version was pruned, and has no soft prompts any more."""

    def __init__(self, book_id: str, number: int) -> None:
        super().__init__(
            f"Version {number} of {book_id} was pruned: its record is left, its soft prompts are not."
        )
        self.book_id = book_id
        self.number = number


class VersionInUseError(StoreError):
    """A version cannot be pruned, because these `users`, aliases or jobs, need it."""

    def __init__(self, number: int, users: Sequence[str]) -> None:
        super().__init__(f"Version {number} is in use by {' and '.join(users)}.")
        self.number = number
        self.users = list(users)


class WorseThanChampionError(StoreError):
    """A version did worse than the champion of its day; `gate` has the losses of both."""

    def __init__(self, number: int, gate: Mapping[str, Any]) -> None:
        loss, champion_loss = (_loss(gate.get(name)) for name in ("loss", "champion_loss"))
        answers = gate.get("answers") or {}
        how = f"{loss} against {champion_loss} nats per token on held-out questions"
        if answers.get("high") is not None:
            less = f"{-answers['difference']:.3f} less"
            how = f"its answers to {answers['questions']} held-out questions score {less}"
        super().__init__(
            f"Version {number} is worse than version {gate.get('champion')}, the champion of its day: {how}. "
            "It takes force to promote it."
        )
        self.number = number
        self.gate = dict(gate)


class NothingToRollBackToError(StoreError):
    """There is no earlier version, still unpruned, that a rollback could put the alias on."""

    def __init__(self, book_id: str, alias: str) -> None:
        super().__init__(
            f"There is no earlier version to go back to: {alias} of {book_id} named no other that still has "
            "its members. Promote the version that it is to name: bookchorus promote chooses any."
        )
        self.book_id = book_id
        self.alias = alias


class InvalidTagsError(StoreError):
    """A book cannot have these tags; `limit` is the limit they exceed."""

    def __init__(self, message: str, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


class QuestionExistsError(StoreError):
    """The book has this question already, as `question_id`."""

    def __init__(self, question_id: str) -> None:
        super().__init__(f"The book has this question already: correct {question_id} instead.")
        self.question_id = question_id


class OldRevisionError(StoreError):
    """A question is about an older revision of its book than the newest, and is not learned any more."""

    def __init__(self, question_id: str, revision: int, newest: int) -> None:
        super().__init__(
            f"Question {question_id} is about revision {revision} of the text, and the book has {newest} by "
            "now: no version learns it any more. Write one about the new text."
        )
        self.question_id = question_id
        self.revision = revision


class DuplicateBookError(StoreError):
    """Another book, `book_id`, has this text already."""

    def __init__(self, book_id: str) -> None:
        super().__init__(f"This text is that of the book {book_id} already.")
        self.book_id = book_id


class StaleTokenError(StoreError):
    """The job is not running under this fencing token: another worker holds it, or it has ended."""

    def __init__(self, job_id: str, token: int) -> None:
        super().__init__(f"Job {job_id} is no longer held under token {token}.")
        self.job_id = job_id
        self.token = token


def _loss(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else "unknown"
