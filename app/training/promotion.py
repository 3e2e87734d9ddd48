"""Promotion: a new version becomes the champion unless it is worse than the champion of the day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.answering.contribution import Contribution
from app.engine.member_cache import MemberCache, UnusableVersionError
from app.training.trial import Posed, contribution_of
from store import books, versions
from store.aliases import CHAMPION
from store.database import Database
from store.errors import NotFoundError
from trainer.methods.members import Members
from trainer.objectives.objective import Objective
from trainer.progress import Evaluated, Learned, Progress


@dataclass(frozen=True)
class Champion:
    """The version that answers for a book now; `number` is None where the book has none.

    Without `members` nothing can be compared with it; `why_not` says why.
    """

    number: int | None
    members: Members | None = None
    why_not: str = ""


@dataclass(frozen=True)
class Tried:
    """The trial of a new version: the scores of its answers to questions that it did not learn, and of those
    of readers without members.
    """

    questions: Sequence[Posed]
    scores: Sequence[float]
    alone: Sequence[float]

    @property
    def adds(self) -> Contribution | None:
        """What the members add to answers; None where nothing was asked."""
        return contribution_of(self.scores, self.alone)

    def above(self, others: Sequence[float]) -> Contribution | None:
        """How far the version is above the scores of others; None where nothing was asked."""
        return contribution_of(self.scores, others)


@dataclass(frozen=True)
class Decision:
    """Whether a new version is promoted to be the champion instead of version `champion`.

    `gate` is the comparison as the registry keeps it. `reason` goes on from "Published version 2 ".
    """

    champion: int | None
    gate: dict[str, Any] | None
    promote: bool
    reason: str


def champion_number(session: Session, book_id: str) -> int | None:
    """The version that is the champion of a book, if there is one. NotFoundError: there is no such book."""
    return books.get(session, book_id).aliases.get(CHAMPION)


def champion(database: Database, members: MemberCache, book_id: str) -> Champion:
    """The champion of a book as it stands. NotFoundError: there is no such book."""
    with database.read() as session:
        books.get(session, book_id)
        try:
            version = versions.get(session, book_id, CHAMPION)
        except NotFoundError:
            return Champion(None, why_not="the book had none")
    try:
        return Champion(version.number, members.members(version))
    except UnusableVersionError as error:
        why = f"version {version.number} {error.why}, so that nothing is comparable"
        return Champion(version.number, why_not=why)


def measure(objective: Objective, champion: Members, bare: float | None) -> Iterator[Progress]:
    """Evaluate a champion's members on what `objective` holds out; yields pauses, then the losses."""
    yield Evaluated("champion", bare, (yield from objective.heldout_losses(champion)))


def decide(
    learned: Learned,
    champion: Champion,
    losses: Sequence[float | None] | None,
    better: Contribution | None,
    *,
    force: bool,
) -> Decision:
    """Compare a new version with the champion: `better` says how far its answers are above the champion's.

    It is worse where the whole interval is below zero. Where answers were not compared, or too few, the mean
    held-out losses decide: those of what was learned, and the `losses` of the champion's members, None where
    nothing can be compared. What cannot be compared is promoted, and so is what is to `force`.
    """
    mine = _mean(learned.after.member_losses)
    if losses is None:
        return Decision(champion.number, None, True, f"as the champion: {champion.why_not}.")
    theirs = _mean(losses)
    if better is not None and better.high is not None:
        passed = not better.harms
        both = _compared(better, champion.number)
    elif mine is None or theirs is None:
        reason = f"as the champion: nothing was held out to compare it with version {champion.number}."
        return Decision(champion.number, None, True, reason)
    else:
        passed = mine <= theirs
        place = "not above" if passed else "above"
        both = f"its held-out loss of {mine:.4f} is {place} the {theirs:.4f} of version {champion.number}."
    if passed:
        reason = f"as the champion: {both}"
    elif force:
        reason = f"as the champion, which was forced: {both}"
    else:
        reason = f"and version {champion.number} stays the champion: {both}"
    gate = {
        "passed": passed,
        "champion": champion.number,
        "loss": mine,
        "champion_loss": theirs,
        "answers": None if better is None else better.model_dump(),
        "forced": force,
    }
    return Decision(champion.number, gate, passed or force, reason)


def _compared(better: Contribution, champion: int | None) -> str:
    """What the held-out questions tell of a version's answers beside those of the champion."""
    questions = f"{better.questions} held-out questions"
    measured = f"version {champion}: {better} of ROUGE-L."
    if better.harms:
        return f"its answers to {questions} are worse than those of {measured}"
    if better.low is not None and better.low > 0:
        return f"its answers to {questions} are better than those of {measured}"
    return f"{questions} do not tell which answers better, it or {measured}"


def _mean(losses: Sequence[float | None]) -> float | None:
    """None where nothing was held out."""
    known = [loss for loss in losses if loss is not None]
    return sum(known) / len(known) if known else None
