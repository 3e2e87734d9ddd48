"""Whether the skill that a process has taken up is still the one that was chosen."""

from typing import TYPE_CHECKING

from app.errors import CommandError
from store import skills
from store.database import Database
from store.errors import StoreError

if TYPE_CHECKING:
    from trainer.llm.frozen_llm import Identity


class SkillChoice:
    """The choice of an LLM's skill as it is when this is made, right after the skill was taken up."""

    def __init__(self, database: Database, llm: "Identity") -> None:
        self._database = database
        self._llm = llm
        self._taken = self._chosen()

    def expect(self) -> None:
        """Raise CommandError once another was chosen. A database that is away does not say so."""
        try:
            chosen = self._chosen()
        except StoreError:
            return
        if chosen != self._taken:
            raise CommandError("Another skill was chosen since this process began.")

    def _chosen(self) -> str | None:
        with self._database.read() as session:
            last = skills.choice(session, self._llm.id, self._llm.revision)
            return None if last is None else last.skill_id
