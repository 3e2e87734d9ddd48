"""Who answers a question: members of the versions that are asked, or readers that have learned no book."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.answering.contribution import MembersChoice, contribution
from app.answering.errors import NotReadyError
from app.answering.per_passage import PerPassage
from app.answering.types import LeftOut, Panel, VersionUsed
from app.engine.engine import Engine
from app.engine.records import MemberId
from store import jobs
from store.database import Database
from store.tables import Version

# What is amiss where a book has no version.
UNTRAINED = "untrained"


@dataclass(frozen=True)
class Panels:
    """Chooses who answers, from what the registry says of the versions that are asked."""

    database: Database
    engine: Engine
    ensemble: PerPassage

    def choose(
        self, asked: Sequence[tuple[str, Version | None]], choice: MembersChoice, *, require_trained: bool
    ) -> Panel:
        """Who answers about these books, each with its version or None, and what is amiss.

        By `auto` the members of a version answer, unless they were learned behind another skill than the one
        in force or were measured to make answers worse: then readers without members answer. `always` has
        them answer all the same, `never` does without them.

        Raises NotReadyError where a version is required and a book has none that the LLM can use, and what
        `Engine.roster` raises.
        """
        members: list[MemberId] = []
        used: list[VersionUsed] = []
        left_out: list[LeftOut] = []
        degraded = None
        for book, version in asked:
            roster = None if version is None else self.engine.roster(book, version.number)
            if version is None or roster is None or roster.refused is not None:
                if require_trained:
                    raise self._not_ready(book)
                degraded = UNTRAINED
                if version is not None and roster is not None:
                    degraded = f"other-model: {book}@{version.number} was {roster.refused}"
                members += self.ensemble.unlearned(book)
                continue
            silent = self._left_out(version, choice)
            if silent is not None:
                left_out.append(silent)
                members += self.ensemble.readers(book)
                continue
            used.append(VersionUsed(book, version.number, version.revision))
            members += roster.members
            if roster.damaged:
                numbers = ", ".join(map(str, roster.damaged))
                degraded = f"damaged: {book}@{version.number} without members {numbers}"
        return Panel(members, used, degraded, left_out)

    def _left_out(self, version: Version, choice: MembersChoice) -> LeftOut | None:
        """Why the members of a version do not answer; None where they do."""
        if choice == "always":
            return None
        if choice == "never":
            return LeftOut(version.book_id, version.number, "asked", "as the question asks")
        behind = version.data.get("skill") or version.data.get("instruction")
        if behind not in (None, self.ensemble.skill_digest):
            detail = "they were learned behind another skill than the one that answers now"
            return LeftOut(version.book_id, version.number, "other-skill", detail)
        adds = contribution(version.metrics)
        if adds is None or adds.harm is None:
            return None
        return LeftOut(version.book_id, version.number, "harm", f"with them, {adds.harm}")

    def _not_ready(self, book: str) -> NotReadyError:
        with self.database.read() as session:
            job = jobs.latest(session, [book]).get(book)
        return (
            NotReadyError(book, None)
            if job is None
            else NotReadyError(book, job.status, job.id, job.progress)
        )
