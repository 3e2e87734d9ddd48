"""The gate: what a job learned becomes the champion if it is no worse than the champion of the day."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.engine.member_cache import Choruses, UnusableError
from store import books, versions
from store.aliases import CHAMPION
from store.database import Database
from store.errors import NotFoundError
from trainer.methods.members import Members
from trainer.objectives.objective import Objective
from trainer.progress import Evaluated, Learned, Progress


@dataclass(frozen=True)
class Champion:
    """The version that answers for a book now; without `members` nothing can be compared with it, and why.

    There is no `number` where the book has no champion.
    """

    number: int | None
    members: Members | None = None
    why_not: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether what was learned is to be the champion instead of `champion`, as the registry keeps it.

    `told` says so with the reason, and goes on from "Published version 2 ".
    """

    champion: int | None
    gate: dict[str, Any] | None
    promote: bool
    told: str


def champion_number(session: Session, book_id: str) -> int | None:
    """The version that is the champion of a book, if there is one. NotFoundError: there is no such book."""
    return books.get(session, book_id).aliases.get(CHAMPION)


def champion(database: Database, choruses: Choruses, book_id: str) -> Champion:
    """The champion of a book as it stands. NotFoundError: there is no such book."""
    with database.read() as session:
        books.get(session, book_id)
        try:
            version = versions.get(session, book_id, CHAMPION)
        except NotFoundError:
            return Champion(None, why_not="the book had none")
    try:
        return Champion(version.number, choruses.members(version))
    except UnusableError as error:
        why = f"version {version.number} {error.why}, so that nothing is comparable"
        return Champion(version.number, why_not=why)


def measure(objective: Objective, champion: Members, bare: float) -> Iterator[Progress]:
    """Evaluate a champion's members on what `objective` holds out; yields pauses, and how they did last."""
    yield Evaluated("champion", bare, (yield from objective.heldout_losses(champion)))


def judge(learned: Learned, champion: Champion, losses: Sequence[float] | None, *, force: bool) -> Verdict:
    """Compare mean held-out losses: `losses` are those of the champion's members, None where nobody could.

    What cannot be compared is promoted, and so is what `force` says.
    """
    mine = _mean(learned.after.member_losses)
    if losses is None:
        return Verdict(champion.number, None, True, f"as the champion: {champion.why_not}.")
    theirs = _mean(losses)
    if math.isnan(theirs):
        told = f"as the champion: nothing was held out to compare it with version {champion.number}."
        return Verdict(champion.number, None, True, told)
    passed = mine <= theirs
    both = f"its held-out loss of {mine:.4f} is {{}} the {theirs:.4f} of version {champion.number}."
    if passed:
        told = f"as the champion: {both.format('not above')}"
    elif force:
        told = f"as the champion, which was forced: {both.format('above')}"
    else:
        told = f"and version {champion.number} stays the champion: {both.format('above')}"
    gate = {
        "passed": passed,
        "champion": champion.number,
        "loss": mine,
        "champion_loss": theirs,
        "forced": force,
    }
    return Verdict(champion.number, gate, passed or force, told)


def _mean(losses: Sequence[float]) -> float:
    return sum(losses) / len(losses)
